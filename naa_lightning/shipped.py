"""The configuration files that come with the package."""

from pathlib import Path

_PACKAGE = Path(__file__).parent

CONF = next(folder for folder in (_PACKAGE / "conf", _PACKAGE.parent / "conf") if folder.is_dir())
"""Their folder: inside an installed package, beside the package in a clone."""
