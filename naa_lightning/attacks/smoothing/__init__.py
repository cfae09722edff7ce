"""Filters on the gradient, one a file."""

from naa_lightning.attacks.smoothing.smoothing import Smoothing
from naa_lightning.attacks.smoothing.translation_invariant import TranslationInvariant

__all__ = ["Smoothing", "TranslationInvariant"]
