"""What is measured: transfer rates with intervals, and attribution statistics."""

from naa_lightning.metrics.attribution import AttributionMetric, AttributionSummary
from naa_lightning.metrics.transfer import TransferMetric, TransferRates, transfer_rates
from naa_lightning.metrics.wilson import Rate

__all__ = ["AttributionMetric", "AttributionSummary", "Rate", "TransferMetric", "TransferRates", "transfer_rates"]
