"""What is measured: transfer rates with intervals, attribution, its agreement and what an attack did to it."""

from naa_lightning.metrics.agreement import AgreementMetric, AgreementSummary
from naa_lightning.metrics.attack_effect import AttackEffectMetric, AttackEffectSummary
from naa_lightning.metrics.attribution import AttributionMetric, AttributionSummary
from naa_lightning.metrics.lpips import Lpips, lpips_network
from naa_lightning.metrics.perturbation import (
    MeanAndMax,
    MeanAndMin,
    PerturbationMetric,
    PerturbationSizes,
    PerturbationSummary,
    perturbation_sizes,
)
from naa_lightning.metrics.transfer import TransferMetric, TransferRates, transfer_rates
from naa_lightning.metrics.wilson import Rate, pooled

__all__ = [
    "AgreementMetric",
    "AgreementSummary",
    "AttackEffectMetric",
    "AttackEffectSummary",
    "AttributionMetric",
    "AttributionSummary",
    "Lpips",
    "MeanAndMax",
    "MeanAndMin",
    "PerturbationMetric",
    "PerturbationSizes",
    "PerturbationSummary",
    "Rate",
    "TransferMetric",
    "TransferRates",
    "lpips_network",
    "perturbation_sizes",
    "pooled",
    "transfer_rates",
]
