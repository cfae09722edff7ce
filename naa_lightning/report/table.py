"""The result of a run in the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

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


def results_table(results: Mapping[str, Any]) -> Table:
    """Lay out targets against rates in percent, within 80 columns; means over black-box targets come last, if any.

    The last rate is the run's headline and comes with its interval: the target rate of a targeted run, else the success
    rate. Where defences draw at random, its standard deviation over the draws follows.
    """
    rates = TARGETED if results["targeted"] else UNTARGETED
    headline = list(rates.values())[-1]
    random = any(target["repeats"] > 1 for target in results["targets"].values())
    made = results["attack"] if results["surrogate"] is None else f"{results['attack']} on {results['surrogate']}"
    table = Table(
        title=f"{'targeted ' if results['targeted'] else ''}{made}: {results['images']} images of {results['data']}",
        caption=_caption(targeted=results["targeted"], random=random),
    )
    table.add_column("target", overflow="fold")
    for column in (*rates, "95 %", *(["\N{PLUS-MINUS SIGN}"] if random else [])):
        table.add_column(column, justify="right", no_wrap=True)
    for name, target in results["targets"].items():
        white_box = target["role"] == "white-box"
        table.add_row(
            _shown_name(name, target, results["targets"]),
            *(_percent(target[rate]["value"]) for rate in rates.values()),
            _interval(target[headline]),
            *([_spread(target[headline]["spread"])] if random else []),
            style="dim" if white_box else None,
        )
    for name in results["failed"]:
        table.add_row(f"{name} (failed)", *("-" for _ in rates), "-", style="red")
    table.add_section()
    for title, mean in (("black-box mean", results["black_box_mean"]), ("defended mean", results["defended_mean"])):
        if mean["clean_accuracy"] is not None:
            table.add_row(title, *(_percent(mean[rate]) for rate in rates.values()), "", style="bold")
    return table


def _shown_name(name: str, target: Mapping[str, Any], targets: Mapping[str, Any]) -> str:
    """Name a defended target by its defences alone, where it follows its undefended model."""
    if target["defences"] and target["model"] in targets:
        return f"+ {' + '.join(target['defences'])}"
    return f"{name} (white-box)" if target["role"] == "white-box" else name


def _caption(*, targeted: bool, random: bool) -> str:
    aimed = "; target hit: predicted as the class aimed at, over all images" if targeted else ""
    spread = "; \N{PLUS-MINUS SIGN}: standard deviation over a defence's random draws" if random else ""
    correct = "clean: accuracy on clean images; success: among images classified correctly when clean"
    return f"in %; {correct}{aimed}, with its 95 % Wilson interval{spread}"


def perturbation_line(results: Mapping[str, Any]) -> str:
    """Say how large and how visible the perturbations are."""
    sizes = results["perturbation"]
    parts = [f"largest change {_number(255 * sizes['linf']['max'])}/255", f"mean L2 {_number(sizes['l2']['mean'])}"]
    for name, unit in (("ssim", ""), ("psnr", " dB"), ("lpips", "")):
        if sizes[name]["mean"] is not None:
            parts.append(f"{name.upper()} {_number(sizes[name]['mean'])}{unit}")
    return f"perturbation: {', '.join(parts)}"


def notices(results: Mapping[str, Any]) -> list[str]:
    """Say what a reader of the rates must know: which images are missing, and which have no answer."""
    lines = []
    if results["missing"]:
        lines.append(f"missing images: {len(results['missing'])}, which are left out: {_listed(results['missing'])}")
    for name, target in results["targets"].items():
        asked = results["images"] * target["repeats"]
        abstained = target["unanswered"]["abstained"]
        if any(abstained.values()):
            lines.append(
                f"{name} abstained, which counts as no success, on {_percent(abstained['clean'] / asked)} % of the "
                f"clean and {_percent(abstained['adversarial'] / asked)} % of the adversarial images"
            )
        if target["invalid_files"]:
            lines.append(
                f"{name} gave logits that are no numbers, which count as no success, for "
                f"{_listed(target['invalid_files'])}"
            )
    return lines


def attribution_line(results: Mapping[str, Any]) -> str | None:
    """Say what exact attribution found; None where none was asked for."""
    exact = results["exact_attribution"]
    if exact is None:
        return None
    cosine = exact["naa"]["cosine"]
    return (
        f"exact attribution of {exact['images']} images: {_percent(exact['clean']['positive_share'])} % positive, "
        f"of which the attack destroyed {_percent(exact['effect']['positive_destroyed'])} %; "
        f"NAA's approximation has a cosine of {'-' if cosine is None else format(cosine, '.2f')} with it"
    )


def time_line(results: Mapping[str, Any]) -> str:
    """Say what the run took, and which stages took most of it."""
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in stage_shares(results["cost"]) if share >= 0.05)
    return f"time: {duration(results['cost']['seconds'])}: {shares}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _interval(rate: Mapping[str, float | None]) -> str:
    low, high = rate["low"], rate["high"]
    return "-" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"


def _spread(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _number(value: float) -> str:
    return f"{value:.3g}"


def _listed(files: Sequence[str], most: int = 20) -> str:
    more = f", and {len(files) - most} more (see results.json)" if len(files) > most else ""
    return ", ".join(files[:most]) + more
