"""Transfer-based adversarial attacks on image classifiers, as PyTorch Lightning experiments."""

from importlib.metadata import version

__version__ = version("naa_lightning")
