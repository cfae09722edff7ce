"""What is measured: transfer rates with intervals, attribution, its agreement and what an attack did to it.

The functions load torch alone, but `perturbation_sizes`, which measures SSIM with torchmetrics, and `lpips_network`,
which needs torchvision, too. The metrics accumulate the same numbers over batches and processes; torchmetrics, which
they are built on, is loaded once one of them is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from naa_lightning.metrics.lpips import Lpips, lpips_network
from naa_lightning.metrics.perturbation import PerturbationSizes, perturbation_sizes
from naa_lightning.metrics.transfer import TransferRates, transfer_rates
from naa_lightning.metrics.wilson import Rate, pooled

if TYPE_CHECKING:
    from naa_lightning.metrics.agreement import AgreementMetric
    from naa_lightning.metrics.attack_effect import AttackEffectMetric
    from naa_lightning.metrics.attribution import AttributionMetric
    from naa_lightning.metrics.perturbation_metric import PerturbationMetric
    from naa_lightning.metrics.transfer_metric import TransferMetric

__all__ = [
    "AgreementMetric",
    "AttackEffectMetric",
    "AttributionMetric",
    "Lpips",
    "PerturbationMetric",
    "PerturbationSizes",
    "Rate",
    "TransferMetric",
    "TransferRates",
    "lpips_network",
    "perturbation_sizes",
    "pooled",
    "transfer_rates",
]

_METRICS = {
    "AgreementMetric": "agreement",
    "AttackEffectMetric": "attack_effect",
    "AttributionMetric": "attribution",
    "PerturbationMetric": "perturbation_metric",
    "TransferMetric": "transfer_metric",
}


def __getattr__(name: str) -> Any:
    if name not in _METRICS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_METRICS[name]}"), name)


def __dir__() -> list[str]:
    return __all__
