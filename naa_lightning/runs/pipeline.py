"""An attack from its images to its report."""

from dataclasses import asdict

from rich.console import Console

from naa_lightning.models.target import Target
from naa_lightning.records import write_attributions, write_perturbations, write_predictions
from naa_lightning.report import (
    RunFacts,
    TargetFacts,
    attribution_line,
    log_run,
    notices,
    optimised,
    perturbation_line,
    results_table,
    summarise,
    time_line,
    times,
    write_results,
    write_run_page,
)
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.stages.adversarial_set import AdversarialSet
from naa_lightning.runs.stages.collecting import collect
from naa_lightning.runs.stages.crafting import craft
from naa_lightning.runs.stages.evaluation import Evaluation, evaluate
from naa_lightning.runs.stages.explanation import explain
from naa_lightning.runs.stages.figures import draw_figures
from naa_lightning.runs.stages.perturbations import check_budget, measure_perturbations
from naa_lightning.runs.stages.reading import read_pairs


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
    with stopwatch.phase("crafting/other" if run.craft else "collecting"):
        adversarial = craft(context) if run.craft else collect(context)
    pairs = read_pairs(context, adversarial)
    with stopwatch.phase("measuring"):
        perturbations = measure_perturbations(context, pairs)
    if not run.craft:
        check_budget(perturbations, context.experiment.attack.budget)
    evaluation = evaluate(context, pairs)
    with stopwatch.phase("explaining"):
        attributions = explain(context, adversarial, list(adversarial.saved)[: run.attribution.exact_images])
    if not context.ranks.part():
        return None
    saved, facts = list(adversarial.saved.values()), _facts(context, adversarial, evaluation)
    results = summarise(facts, saved, evaluation.predictions, perturbations, attributions)
    write_perturbations(folder, perturbations)
    write_predictions(folder, evaluation.predictions)
    write_attributions(folder, attributions)
    write_results(folder, results)
    with stopwatch.phase("pictures"):
        draw_figures(context, adversarial, results, evaluation.predictions)
    results["cost"] |= times(stopwatch.seconds())
    write_results(folder, results)
    page = write_run_page(folder)
    console = Console()
    console.print(results_table(results))
    for line in (perturbation_line(results), attribution_line(results), time_line(results), *notices(results)):
        if line:
            console.print(line, highlight=False)
    console.print(f"report: {page.resolve()}", soft_wrap=True, highlight=False)
    log_run(context.loggers, folder)
    evaluation.check_complete(folder)
    return optimised(results)


def _facts(context: RunContext, adversarial: AdversarialSet, evaluation: Evaluation) -> RunFacts:
    experiment, run = context.experiment, context.experiment.run
    white_box = [source.name for source in experiment.white_box]

    def described(target: Target) -> TargetFacts:
        model = target.source.name
        return TargetFacts(model, list(target.defences), white_box=model in white_box, repeats=target.repeats)

    return RunFacts(
        surrogate=None if experiment.surrogate is None else experiment.surrogate.name,
        attack=run.attack.name,
        data=context.data.name,
        targets={target.name: described(target) for target in experiment.targets},
        failed=evaluation.failed,
        norm=experiment.attack.budget.norm,
        eps=experiment.attack.budget.eps,
        targeted=run.attack.targeted,
        class_names=context.class_names,
        missing=adversarial.missing,
        phases=context.stopwatch.seconds(),
        crafted_now=adversarial.crafted_now,
        device=adversarial.device,
        peak_memory_bytes=adversarial.peak_memory_bytes,
        config=asdict(run),
    )
