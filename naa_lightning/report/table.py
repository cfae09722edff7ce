"""The results of a run in the terminal."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from naa_lightning.records import RateResult, RunResults, TargetResult
from naa_lightning.records.results import Unanswered
from naa_lightning.report.page.wording import duration
from naa_lightning.report.phases import stage_shares

UNTARGETED = {
    "clean": "clean_accuracy",
    "fooling": "fooling_rate",
    "error": "error_rate",
    "success": "success_rate",
}
# The wide column takes the room of two others.
TARGETED = {"clean": "clean_accuracy", "success": "success_rate", "target hit": "target_rate"}
_SIZES = {"l2": "mean L2 {:.3g}", "ssim": "SSIM {:.3g}", "psnr": "PSNR {:.3g} dB", "lpips": "LPIPS {:.3g}"}


def results_table(results: RunResults) -> Table:
    """Lay out targets against rates in percent, within 80 columns; means over black-box targets come last, if any.

    The last rate is the run's headline and comes with its interval: the target rate of a targeted run, else the success
    rate. Where defences draw at random, its standard deviation over the draws follows.

    Args:
        results: What the run found.
    """
    rates = TARGETED if results.targeted else UNTARGETED
    headline = list(rates.values())[-1]
    random = any(target.repeats > 1 for target in results.targets.values())
    attack = results.attack if results.surrogate is None else f"{results.attack} on {results.surrogate}"
    table = Table(
        title=f"{'targeted ' if results.targeted else ''}{attack}: {results.images} images of {results.data}",
        caption=_caption(targeted=results.targeted, random=random),
    )
    table.add_column("target", overflow="fold", min_width=len("black-box mean (00)"))
    for column in (*rates, "95 %", *(["\N{PLUS-MINUS SIGN}"] if random else [])):
        table.add_column(column, justify="right", no_wrap=True)
    for name, target in results.targets.items():
        white_box = target.role == "white-box"
        table.add_row(
            _shown_name(name, target, results.targets),
            *(percent(target.rate(rate).value) for rate in rates.values()),
            interval(target.rate(headline)),
            *([_spread(target.rate(headline))] if random else []),
            style="dim" if white_box else None,
        )
    for name in results.failed:
        table.add_row(f"{name} (failed)", *("-" for _ in rates), "-", style="red")
    table.add_section()
    for title, mean in (("black-box mean", results.black_box_mean), ("defended mean", results.defended_mean)):
        if mean.clean_accuracy is not None:
            table.add_row(
                f"{title} ({len(mean.targets)})",
                *(percent(mean.rate(rate)) for rate in rates.values()),
                "",
                style="bold",
            )
    return table


def _shown_name(name: str, target: TargetResult, targets: Mapping[str, TargetResult]) -> str:
    """Name a defended target by its defences alone, where it follows its undefended model."""
    if target.defences and target.model in targets:
        return f"+ {' + '.join(target.defences)}"
    return f"{name} (white-box)" if target.role == "white-box" else name


def _caption(*, targeted: bool, random: bool) -> str:
    aimed = "; target hit: predicted as the class aimed at, over all images" if targeted else ""
    spread = "; \N{PLUS-MINUS SIGN}: standard deviation over a defence's random draws" if random else ""
    correct = "clean: accuracy on clean images; success: among images classified correctly when clean"
    return f"in %; {correct}{aimed}, with its 95 % Wilson interval{spread}"


def perturbation_line(results: RunResults) -> str:
    """Return a line on how large and how visible the perturbations are."""
    sizes = results.perturbation
    parts = []
    if (linf := sizes["linf"].max) is not None:
        parts.append(f"largest change {255 * linf:.3g}/255")
    for name, title, unit in (
        ("l2", "mean L2", ""),
        ("ssim", "SSIM", ""),
        ("psnr", "PSNR", " dB"),
        ("lpips", "LPIPS", ""),
    ):
        if (mean := sizes[name].mean) is not None:
            parts.append(f"{title} {mean:.3g}{unit}")
    return f"perturbation: {', '.join(parts)}"


def notices(results: RunResults) -> list[str]:
    """Return lines on what a reader of the rates must know: what is left out, and images without a prediction."""
    lines = []
    for title, mean in (("black-box mean", results.black_box_mean), ("defended mean", results.defended_mean)):
        if mean.targets and mean.left_out:
            why = "; ".join(f"{name}: {reason}" for name, reason in mean.left_out.items())
            lines.append(f"the {title} is over {len(mean.targets)} targets and leaves out {len(mean.left_out)} ({why})")
    if results.missing:
        lines.append(f"missing images: {len(results.missing)}, which are left out: {_listed(results.missing)}")
    for name, target in results.targets.items():
        total = results.images * target.repeats
        abstained = target.unanswered.get("abstained", Unanswered())
        if abstained.clean or abstained.adversarial:
            lines.append(
                f"{name} abstained, which counts as no success, on {percent(abstained.clean / total)} % of the "
                f"clean and {percent(abstained.adversarial / total)} % of the adversarial images"
            )
        if target.invalid_files:
            lines.append(
                f"{name} gave logits that are no numbers, which count as no success, for "
                f"{_listed(target.invalid_files)}"
            )
    return lines


def attribution_line(results: RunResults) -> str | None:
    """Return a line on exact attribution; None where the run has none."""
    exact = results.exact_attribution
    if exact is None:
        return None
    cosine = exact.agreement["naa"]["cosine"]
    return (
        f"exact attribution of {exact.images} images: {percent(exact.clean['positive_share'])} % positive, "
        f"of which the attack destroyed {percent(exact.effect['positive_destroyed'])} %; "
        f"NAA's approximation has a cosine of {'-' if cosine is None else format(cosine, '.2f')} with it"
    )


def time_line(results: RunResults) -> str:
    """Return a line on the run's time and the stages that took most of it."""
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in stage_shares(results.cost) if share >= 0.05)
    return f"time: {duration(results.cost.seconds)}: {shares}"


def percent(share: float | None) -> str:
    """Write a share in percent; a dash where there is none."""
    return "-" if share is None else f"{100 * share:.1f}"


def interval(rate: RateResult) -> str:
    """Write the interval of a rate in percent; a dash where there is none."""
    return "-" if rate.low is None or rate.high is None else f"{percent(rate.low)} to {percent(rate.high)}"


def _spread(rate: RateResult) -> str:
    return "" if rate.spread is None else percent(rate.spread)


def _listed(files: Sequence[str], most: int = 20) -> str:
    more = f", and {len(files) - most} more (see results.json)" if len(files) > most else ""
    return ", ".join(files[:most]) + more
