"""Pages that open from disk and show everything a run or a sweep found: `report.html`."""

from naa_lightning.report.page.run_page import write_run_page
from naa_lightning.report.page.sweep_page import write_sweep_page

__all__ = ["write_run_page", "write_sweep_page"]
