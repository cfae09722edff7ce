"""Pages that open from disk and show everything a run or a sweep found: `report.html`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from naa_lightning.report.page.run_page import write_run_page
    from naa_lightning.report.page.study_page import write_study_page
    from naa_lightning.report.page.sweep_page import write_sweep_page

__all__ = ["write_run_page", "write_study_page", "write_sweep_page"]

_MODULES = {"write_run_page": "run_page", "write_study_page": "study_page", "write_sweep_page": "sweep_page"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
