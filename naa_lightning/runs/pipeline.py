"""An attack from its images to its report."""

from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from naa_lightning.exceptions import UserError
from naa_lightning.models.target import Target
from naa_lightning.records import PerturbationRow, write_attributions, write_perturbations, write_predictions
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
from naa_lightning.runs.context import Bench
from naa_lightning.runs.stages.adversarial_set import AdversarialSet
from naa_lightning.runs.stages.collecting import collect
from naa_lightning.runs.stages.crafting import craft
from naa_lightning.runs.stages.evaluation import Evaluation, evaluate
from naa_lightning.runs.stages.explanation import explain
from naa_lightning.runs.stages.figures import draw_pictures
from naa_lightning.runs.stages.perturbations import check_budget, measure
from naa_lightning.runs.stages.reading import ReadPairs, read_pairs


def attack_and_report(bench: Bench) -> float | None:
    """Craft adversarial images on the surrogate, or find them, try them on the targets, report.

    All ranks share the work up to the report, which is the first one's.

    Returns:
        The mean of the success rate, of a targeted attack the target rate, over black-box targets: undefended ones, or
        where there are none defended ones. None where there are none, and on the other ranks.

    Raises:
        UserError: Something in the data or the models is not as it must be, or a target could not be asked; then
            everything else is done.
    """
    stopwatch = bench.stopwatch
    made = _images(bench)
    read = read_pairs(bench, made)
    perturbations = _sizes(bench, read)
    tried = try_on_targets(bench, read)
    with stopwatch.phase("explaining"):
        rows = explain(bench, made, list(made.saved)[: bench.experiment.run.attribution.exact_images])
    if not bench.ranks.part():
        return None
    facts = _facts(bench, made, tried)
    results = summarise(facts, list(made.saved.values()), tried.predictions, perturbations, rows)
    write_perturbations(bench.folder, perturbations)
    write_predictions(bench.folder, tried.predictions)
    write_attributions(bench.folder, rows)
    write_results(bench.folder, results)
    with stopwatch.phase("pictures"):
        draw_pictures(bench, made, results, tried.predictions)
    results["cost"] |= times(stopwatch.seconds())
    write_results(bench.folder, results)
    page = write_run_page(bench.folder)
    console = Console()
    console.print(results_table(results))
    for line in (perturbation_line(results), attribution_line(results), time_line(results), *notices(results)):
        if line:
            console.print(line, highlight=False)
    console.print(f"report: {page.resolve()}", soft_wrap=True, highlight=False)
    log_run(bench.loggers, bench.folder)
    if tried.failed:
        raise incomplete(tried, bench.folder)
    return optimised(results)


def try_on_targets(bench: Bench, read: ReadPairs) -> Evaluation:
    """Ask every target about the images."""
    return evaluate(
        bench.experiment.targets,
        read.pairs,
        bench.asking,
        seed=bench.experiment.run.seed,
        batch_size=bench.data.batch_size,
        num_workers=read.num_workers,
        ranks=bench.ranks,
        stopwatch=bench.stopwatch,
    )


def _images(bench: Bench) -> AdversarialSet:
    """Craft images, or find them."""
    crafts = bench.experiment.run.craft
    with bench.stopwatch.phase("crafting/other" if crafts else "collecting"):
        return craft(bench) if crafts else collect(bench)


def _sizes(bench: Bench, read: ReadPairs) -> list[PerturbationRow]:
    """Measure perturbations, and see whether those of images found keep to the budget."""
    with bench.stopwatch.phase("measuring"):
        perturbations = measure(bench, read)
    if not bench.experiment.run.craft:
        check_budget(perturbations, bench.experiment.attack.budget)
    return perturbations


def _facts(bench: Bench, made: AdversarialSet, tried: Evaluation) -> RunFacts:
    experiment, run = bench.experiment, bench.experiment.run
    white_box = [source.name for source in experiment.white_box]

    def described(target: Target) -> TargetFacts:
        model = target.source.name
        return TargetFacts(model, list(target.defences), white_box=model in white_box, repeats=target.repeats)

    return RunFacts(
        surrogate=None if experiment.surrogate is None else experiment.surrogate.name,
        attack=run.attack.name,
        data=bench.data.name,
        targets={target.name: described(target) for target in experiment.targets},
        failed=tried.failed,
        norm=experiment.attack.budget.norm,
        eps=experiment.attack.budget.eps,
        targeted=run.attack.targeted,
        class_names=bench.data.class_names,
        missing=made.missing,
        phases=bench.stopwatch.seconds(),
        crafted_now=made.crafted_now,
        device=made.device,
        peak_memory_bytes=made.peak_memory_bytes,
        config=asdict(run),
    )


def incomplete(tried: Evaluation, folder: Path) -> UserError:
    """Say which targets failed, and how to try them again.

    Args:
        tried: What came of it.
        folder: Of the run.
    """
    reasons = "; ".join(f"{name}: {reason}" for name, reason in tried.failed.items())
    asked = {row.target for row in tried.predictions}
    return UserError(
        f"{len(tried.failed)} of {len(tried.failed) + len(asked)} targets failed ({reasons}); what the others say is "
        f"in {folder}: to try again, run the same command with hydra.run.dir={folder}"
    )
