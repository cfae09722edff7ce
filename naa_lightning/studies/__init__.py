"""Runs that answer a question about an attack instead of carrying it out: what each is told.

How they run is in `attribution_study` and `layer_study`, which load what takes seconds.
"""

from naa_lightning.studies.settings import AttributionStudy, LayerStudy, Study

__all__ = ["AttributionStudy", "LayerStudy", "Study"]
