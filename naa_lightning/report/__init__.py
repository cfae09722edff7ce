"""What people read: numbers, tables, figures and dashboards, all from a run's files."""

from naa_lightning.report.log import log_run
from naa_lightning.report.page import write_run_page
from naa_lightning.report.table import attribution_line, notices, perturbation_line, results_table, time_line
from naa_lightning.report.wandb_logger import wandb_logger

__all__ = [
    "attribution_line",
    "log_run",
    "notices",
    "perturbation_line",
    "results_table",
    "time_line",
    "wandb_logger",
    "write_run_page",
]
