"""The results of a run in the terminal."""

from rich.table import Table

from naa_lightning.records import RunResults
from naa_lightning.records.targets import Unanswered
from naa_lightning.report.doubts import doubts, gradient_doubt
from naa_lightning.report.measures import over_some, rows
from naa_lightning.report.phases import stage_shares
from naa_lightning.report.terminal import Name, numbers_table
from naa_lightning.report.wording import DOUBT, counted, decimal, duration, interval, levels, listed, percent

_UNTARGETED = {
    "clean": "clean_accuracy",
    "fooling": "fooling_rate",
    "error": "error_rate",
    "success": "success_rate",
}
# The wide column takes the room of two others.
_TARGETED = {"clean": "clean_accuracy", "success": "success_rate", "target hit": "target_rate"}


def results_table(results: RunResults) -> Table:
    """Lay out targets against rates in percent, within 80 columns; means over black-box targets come last, if any.

    The last rate is the run's headline and comes with its interval: the target rate of a targeted run, else the success
    rate. Where defences draw at random, its standard deviation over the draws follows.

    Args:
        results: What the run found.
    """
    rates = _TARGETED if results.targeted else _UNTARGETED
    random = any(target.repeats > 1 for target in results.targets.values())
    aimed = "; target hit: predicted as the class aimed at, over all images" if results.targeted else ""
    spread = "; \N{PLUS-MINUS SIGN}: standard deviation over a defence's random draws" if random else ""
    vanished = bool(gradient_doubt(results))
    marked = f"; {DOUBT}: doubtful, see below" if doubts(results) else ""
    attack = f"targeted {results.attack}" if results.targeted else results.attack
    attacked = attack if results.surrogate is None else f"{attack} on {results.surrogate}"
    table = numbers_table(
        "target",
        [*rates, "95 %", *(["\N{PLUS-MINUS SIGN}"] if random else [])],
        title=f"{attacked}: {counted(results.images, 'image')} of {results.data}",
        caption="in %; clean: accuracy on clean images; success: among images classified correctly when clean"
        f"{aimed}, with its 95 % Wilson interval{spread}{marked}",
    )
    for name, target in results.targets.items():
        white_box, headline = target.role == "white-box", target.rate(results.headline)
        # A defended target that follows its undefended model is named by its defences alone.
        shown = f"{name} (white-box)" if white_box else f"{name} (shares weights)" if target.shares_weights else name
        if target.defences and target.model in results.targets:
            shown = f"+ {' + '.join(target.defences)}"
        shares = [percent(target.rate(rate).value) for rate in rates.values()]
        doubtful = vanished or target.is_chance
        numbers = [*shares[:-1], shares[-1] + (DOUBT if doubtful else ""), interval(headline)]
        drawn = [] if headline.spread is None else [percent(headline.spread)]
        table.add_row(Name(shown), *numbers, *drawn, style="dim" if white_box else None)
    for name in results.failed:
        table.add_row(Name(f"{name} (failed)"), *[percent(None)] * (len(rates) + 1), style="red")
    table.add_section()
    for title, mean in (("black-box mean", results.black_box_mean), ("defended mean", results.defended_mean)):
        if mean.clean_accuracy is not None:
            numbers = [percent(mean.rate(rate)) for rate in rates.values()]
            table.add_row(f"{title} ({len(mean.targets)})", *numbers, style="bold")
    return table


def result_lines(results: RunResults) -> list[str]:
    """Return lines on perturbations, exact attribution and time, and then those of `notices`."""
    lines = [perturbation_line(results), attribution_line(results), time_line(results), *notices(results)]
    return [line for line in lines if line]


def perturbation_line(results: RunResults) -> str:
    """Return a line on how large and how visible the perturbations are."""
    means = {key: size.mean for key, size in results.perturbation.items() if key != "linf"}
    measured = [f"largest change {levels(results.perturbation['linf'].max)}"]
    measured += [f"{name} {text}" for name, (text,), _ in rows("perturbation", means)]
    return f"perturbation: {', '.join(measured)}, means over images{over_some(results)}"


def notices(results: RunResults) -> list[str]:
    """Return lines on what a reader of the rates must know: doubts, what is left out, and what got no prediction."""
    lines = [f"{about}: {why}" for about, why in doubts(results)]
    for title, mean in (("black-box mean", results.black_box_mean), ("defended mean", results.defended_mean)):
        no_judges = [name for name in mean.left_out if name in results.targets and results.targets[name].no_judge]
        if mean.left_out and (mean.targets or no_judges):
            why = "; ".join(f"{name}: {reason}" for name, reason in mean.left_out.items())
            over = counted(len(mean.targets), "target") if mean.targets else "no target"
            lines.append(f"the {title} is over {over} and leaves out {len(mean.left_out)} ({why})")
    if results.missing:
        lines.append(f"missing images: {len(results.missing)}, which are left out: {listed(results.missing, 20)}")
    for name, target in results.targets.items():
        total = results.images * target.repeats
        abstained = target.unanswered.get("abstained", Unanswered())
        if abstained.clean or abstained.adversarial:
            lines.append(
                f"{name} abstained, which counts as no success, on {percent(abstained.clean / total)} % of the "
                f"clean and {percent(abstained.adversarial / total)} % of the adversarial images"
            )
        if target.invalid_files:
            files = listed(target.invalid_files, 20)
            lines.append(f"{name} gave logits that are no numbers, which count as no success, for {files}")
    return lines


def attribution_line(results: RunResults) -> str | None:
    """Return a line on exact attribution; None where the run has none."""
    exact = results.exact_attribution
    if exact is None:
        return None
    return (
        f"exact attribution of {counted(exact.images, 'image')}: {percent(exact.clean['positive_share'])} % positive, "
        f"of which the attack destroyed {percent(exact.effect['positive_destroyed'])} %; "
        f"NAA's approximation has a cosine of {decimal(exact.agreement['naa']['cosine'], 2)} with it"
    )


def time_line(results: RunResults) -> str:
    """Return a line on the run's time and the stages that took most of it."""
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in stage_shares(results.cost) if share >= 0.05)
    return f"time: {duration(results.cost.seconds)}: {shares}"
