"""What people read: numbers, tables, figures and dashboards, all from a run's files."""

from naa_lightning.report.log import log_run
from naa_lightning.report.page import write_run_page
from naa_lightning.report.results import RunFacts, TargetFacts, optimised, read_results, summarise, times, write_results
from naa_lightning.report.table import attribution_line, notices, perturbation_line, results_table, time_line
from naa_lightning.report.wandb_logger import wandb_logger

__all__ = [
    "RunFacts",
    "TargetFacts",
    "attribution_line",
    "log_run",
    "notices",
    "optimised",
    "perturbation_line",
    "read_results",
    "results_table",
    "summarise",
    "time_line",
    "times",
    "wandb_logger",
    "write_results",
    "write_run_page",
]
