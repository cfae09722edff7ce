"""What makes numbers of a run mean less than they seem to."""

from naa_lightning.records.results import RunResults
from naa_lightning.report.wording import counted, percent


def doubts(results: RunResults) -> list[str]:
    """Return sentences, without their full stops, on gradients that vanished and on models that guess.

    Args:
        results: What the run found.
    """
    found = [gradient_doubt(results)] if gradient_doubt(results) else []
    guessing: dict[str, int | None] = {}
    for name, target in results.targets.items():
        if target.is_chance:
            guessing.setdefault(target.model or name, target.num_classes)
            found.append(
                f"{name} has {percent(target.clean_accuracy.value)} % of the clean images right, no better than "
                f"guessing among {target.num_classes} classes: its rates mean nothing, and no mean counts them"
            )
    found += [f"{name}: {notice}" for name, notice in results.noticed.items()]
    if guessing and not guessing.keys() & results.noticed.keys():
        found.append(
            "to look at where a model guesses: labels (counted from 0, in the order of the model's classes), mean and "
            "std, the order of the channels, the range of the values, num_classes"
        )
    return found


def gradient_doubt(results: RunResults) -> str:
    """Say for how many images gradients told nothing, so that a failure is none of the attack; empty for none."""
    said = results.gradients
    if said is None or not (said.zero or said.non_finite or said.unchanged):
        return ""
    of = f"of {counted(results.images, 'image')}"
    parts = [
        f"{what} for {count} {of}"
        for what, count in (("was zero", said.zero), ("was not finite", said.non_finite))
        if count
    ]
    same = f"{said.unchanged} {'equal' if said.unchanged > 1 else 'equals'} the clean image"
    if not parts:
        return f"{same.replace(' ', f' {of} ', 1)}"
    unchanged = f", of which {same}" if said.unchanged else ""
    return (
        f"the gradient {' and '.join(parts)}{unchanged}: that an image without a gradient fools nobody says nothing of "
        "robustness"
    )
