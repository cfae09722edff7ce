"""The result of a run in the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

UNTARGETED = {
    "clean acc.": "clean_accuracy",
    "fooling": "fooling_rate",
    "error": "error_rate",
    "success": "success_rate",
}
# The wide column takes the room of two others.
TARGETED = {"clean acc.": "clean_accuracy", "success": "success_rate", "target hit": "target_rate"}


def results_table(results: Mapping[str, Any]) -> Table:
    """Lay out targets against rates in percent, within 80 columns; the black-box mean comes last, if there is one.

    The last rate is the run's headline and comes with its interval: the target rate of a targeted run, else the success
    rate.
    """
    targeted = any(target["target_rate"]["total"] > 0 for target in results["targets"].values())
    rates = TARGETED if targeted else UNTARGETED
    headline = list(rates.values())[-1]
    correct = "success: among images classified correctly when clean"
    aimed = "; target hit: predicted as the class aimed at, over all images" if targeted else ""
    table = Table(
        title=f"{'targeted ' if targeted else ''}{results['attack']} on {results['surrogate']}: "
        f"{results['images']} images of {results['data']}",
        caption=f"in %; {correct}{aimed}, with its 95 % Wilson interval",
    )
    table.add_column("target", overflow="fold")
    for column in (*rates, "95 %"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, target in results["targets"].items():
        white_box = target["role"] == "white-box"
        table.add_row(
            f"{name} (white-box)" if white_box else name,
            *(_percent(target[rate]["value"]) for rate in rates.values()),
            _interval(target[headline]),
            style="dim" if white_box else None,
        )
    if all(target["role"] == "white-box" for target in results["targets"].values()):
        return table
    mean = results["black_box_mean"]
    table.add_section()
    table.add_row("black-box mean", *(_percent(mean[rate]) for rate in rates.values()), "", style="bold")
    return table


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


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _interval(rate: Mapping[str, float | None]) -> str:
    low, high = rate["low"], rate["high"]
    return "-" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"
