"""`naa-attack`: crafts adversarial images on a surrogate, tries them on targets, reports."""

import gc
import time

import hydra
from omegaconf import DictConfig

from naa_lightning.cli.entry import in_a_sweep, launch, one_line_errors
from naa_lightning.cli.process_start import process_began
from naa_lightning.config.hydra_versions import MAIN_OPTIONS
from naa_lightning.shipped import CONF


@hydra.main(config_path=str(CONF), config_name="attack", **MAIN_OPTIONS)
def run(config: DictConfig) -> float | None:
    """Run one job; a sweep optimises what it returns, the mean black-box success rate, or target rate if targeted."""
    began = time.perf_counter() if in_a_sweep() else process_began()
    with one_line_errors():
        # Loaded step by step: most takes seconds, and a mistake is told before.
        from naa_lightning.config.attack_experiment import compose_attack_run  # noqa: PLC0415

        experiment = compose_attack_run(config)
        from naa_lightning.runs.attack import run_attack  # noqa: PLC0415

        gc.freeze()  # the half million objects of libraries stay: the collections before each model pass over them
        try:
            return run_attack(experiment, again=not in_a_sweep(), began=began)
        finally:
            gc.unfreeze()  # libraries that count what is left at the end, such as triton, would call it leaked


def main() -> None:
    """Run the program."""
    launch(run)
