"""An attack from its images to its report."""

import time
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from naa_lightning.records import Prediction, SavedPairs, write_attributions, write_predictions
from naa_lightning.report import RunFacts, attribution_line, log_run, results_table, summarise, write_results
from naa_lightning.stages.bench import Bench
from naa_lightning.stages.crafting import Crafting, craft
from naa_lightning.stages.evaluation import evaluate
from naa_lightning.stages.explanation import explain
from naa_lightning.stages.pictures import draw_pictures


def attack_and_report(bench: Bench) -> float | None:
    """Craft adversarial images on the surrogate, try them on the targets, report.

    Returns:
        The mean over black-box targets of the success rate, of a targeted attack the target rate; None where there is
        none.

    Raises:
        UserError: Something in the data or the models is not as it must be.
    """
    start = time.perf_counter()
    experiment, run = bench.experiment, bench.experiment.run
    crafting, predictions = craft_and_try(bench)
    facts = RunFacts(
        surrogate=experiment.surrogate.name,
        white_box=[source.name for source in experiment.white_box],
        attack=run.attack.name,
        data=bench.data.name,
        seconds=time.perf_counter() - start,
        crafted_now=crafting.crafted_now,
        device=crafting.device,
        peak_memory_bytes=crafting.peak_memory_bytes,
        config=asdict(run),
    )
    exact = [record.id for record in bench.data.images.records[: run.attribution.exact_images]]
    rows = explain(bench, crafting, exact)
    results = summarise(facts, list(crafting.saved.values()), predictions, rows)
    write_predictions(bench.folder, predictions)
    write_attributions(bench.folder, rows)
    write_results(bench.folder, results)
    draw_pictures(bench, crafting, predictions)
    console = Console()
    console.print(results_table(results))
    if line := attribution_line(results):
        console.print(line, highlight=False)
    log_run(bench.loggers, bench.folder)
    mean: float | None = results["black_box_mean"]["target_rate" if run.attack.targeted else "success_rate"]
    return mean


def craft_and_try(bench: Bench) -> tuple[Crafting, Sequence[Prediction]]:
    """Craft what the run's folder lacks and ask every target for its predictions."""
    data = bench.data
    crafting = craft(bench.experiment, data, bench.callbacks, bench.loggers)
    pairs = SavedPairs(data.images, crafting.saved, crafting.folder)
    predictions = [
        row
        for source in bench.experiment.sources
        for row in evaluate(source, pairs, bench.asking, batch_size=data.batch_size, num_workers=data.num_workers)
    ]
    return crafting, predictions
