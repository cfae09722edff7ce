"""What makes numbers of a run mean less than they seem to."""

from naa_lightning.metrics.chance import TO_LOOK_AT
from naa_lightning.records.results import RunResults
from naa_lightning.report.wording import counted, percent


def doubts(results: RunResults) -> list[tuple[str, str]]:
    """Return what is doubtful, the attack or a model, and why: gradients that vanished, and models that guess.

    Args:
        results: What the run found.
    """
    vanished = gradient_doubt(results)
    found = [(results.attack or "crafting", vanished)] if vanished else []
    if results.labels_from is not None:
        found.append(
            (
                "labels",
                f"they are what {results.labels_from} predicts of the clean images, which it is right about by "
                "definition; the clean accuracy of others is how often they agree with it",
            )
        )
    guessing = {name: target for name, target in results.targets.items() if target.is_chance}
    found += [
        (
            name,
            f"{percent(target.clean_accuracy.value)} % of the clean images right, no better than guessing among "
            f"{target.num_classes} classes: its rates mean nothing, and no mean counts them",
        )
        for name, target in guessing.items()
    ]
    found += results.noticed.items()
    if guessing and not results.noticed.keys() & {target.model for target in guessing.values()}:
        found.append(("where a model guesses", TO_LOOK_AT))
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
