"""An attack from its images to its report."""

import logging

from rich.console import Console

from naa_lightning.loggers.run import log_run
from naa_lightning.records import (
    write_attributions,
    write_perturbations,
    write_pictures,
    write_predictions,
    write_results,
)
from naa_lightning.records.results import FILE_NAME
from naa_lightning.report.page.run_page import write_run_page
from naa_lightning.report.run_table import result_lines, results_table
from naa_lightning.report.terminal import tell
from naa_lightning.report.wording import listed
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.finished import changed_models, results_in
from naa_lightning.runs.stages.collecting import collect
from naa_lightning.runs.stages.crafting import craft
from naa_lightning.runs.stages.evaluation import evaluate
from naa_lightning.runs.stages.explanation import explain
from naa_lightning.runs.stages.perturbations import check_budget, check_clean_images, measure_perturbations
from naa_lightning.runs.stages.pictures import draw_pictures
from naa_lightning.runs.stages.reading import read_pairs
from naa_lightning.runs.stages.summary import cost_of, summarise

log = logging.getLogger(__name__)


def attack_and_report(context: RunContext) -> float | None:
    """Craft adversarial images on the surrogate, or collect existing ones, evaluate them on the targets, report.

    All ranks share the work up to the report, which is the first rank's alone.

    Args:
        context: The run.

    Returns:
        The mean of the success rate, of a targeted attack the target rate, over black-box targets: undefended ones, or
        where there are none defended ones. None where there are none, and on the other ranks.

    Raises:
        UserError: The data or a model is refused, or a target failed; then everything else is done.
    """
    run, folder, stopwatch = context.experiment.run, context.folder, context.stopwatch
    before = results_in(folder)
    with stopwatch.phase("crafting/other" if run.craft else "collecting"):
        adversarial = craft(context) if run.craft else collect(context)
    pairs = read_pairs(context, adversarial)
    with stopwatch.phase("measuring"):
        perturbations = measure_perturbations(context, pairs)
    check_clean_images(perturbations, adversarial.saved)
    budget = context.experiment.attack.budget
    check_budget(perturbations, budget, crafted_in=adversarial.folder if run.craft else None)
    evaluation = evaluate(context, pairs)
    if before is not None and (changed := changed_models(before.weights, evaluation.weights)):
        log.warning("%s had other weights when %s was written before: asked anew", listed(changed), folder / FILE_NAME)
    with stopwatch.phase("explaining"):
        attributions = explain(context, adversarial, list(adversarial.saved)[: run.attribution.exact_images])
    if not context.ranks.part():
        return None
    results = summarise(context, adversarial, evaluation, perturbations, attributions)
    write_perturbations(folder, perturbations)
    write_predictions(folder, evaluation.predictions)
    write_attributions(folder, attributions)
    write_results(folder, results)
    with stopwatch.phase("pictures"):
        write_pictures(folder, draw_pictures(context, adversarial, pairs, results, evaluation.predictions))
    taken = cost_of(
        list(adversarial.saved.values()),
        stopwatch.seconds(),
        adversarial.crafted_now,
        adversarial.peak_memory_bytes,
    )
    results = results.model_copy(update={"cost": taken})
    write_results(folder, results)
    page = write_run_page(folder)
    console = Console()
    console.print(results_table(results))
    tell(console, *result_lines(results))
    console.print(f"report: {page.resolve()}", soft_wrap=True, highlight=False)
    log_run(context.loggers, folder)
    evaluation.check_complete(folder, context.experiment.folder_option)
    return results.optimised
