"""The figures of a run: what was done to images, where models look, and what speaks for and against the class."""

from collections.abc import Mapping, Sequence
from typing import Any

from naa_lightning.data import class_name
from naa_lightning.models import ClassifierSource
from naa_lightning.records import Prediction, SavedPairs
from naa_lightning.report.attention_figure import draw_attentions
from naa_lightning.report.attribution_figure import draw_attribution
from naa_lightning.report.panel import draw_panels
from naa_lightning.report.telling import telling_images, withstanding_images
from naa_lightning.runs.context import Bench
from naa_lightning.runs.stages.adversarial_set import AdversarialSet
from naa_lightning.runs.stages.attention import attention_of
from naa_lightning.runs.stages.explanation import approximation, attacked_layers, attributions


def draw_pictures(
    bench: Bench, made: AdversarialSet, results: Mapping[str, Any], predictions: Sequence[Prediction]
) -> None:
    """Draw panels of the first and of the extreme images, attention and attribution of chosen or most telling ones.

    Defended targets are left out where there are others, and what an earlier call drew is removed.

    Args:
        bench: Of the run.
        made: The adversarial images.
        results: What `results.json` holds.
        predictions: Every target's answers.
    """
    run, data = bench.experiment.run, bench.data
    for path in (bench.folder / "figures").glob("*.png"):
        path.unlink()
    white_box = [source.name for source in bench.experiment.white_box]
    verdicts = [row for row in predictions if row.target in results["judges"]]
    extreme = [
        *telling_images(verdicts, run.report.extreme_images),
        *withstanding_images(verdicts, run.report.extreme_images),
    ]
    undefended = [name for name, target in results["targets"].items() if not target["defences"]]
    shown = [row for row in predictions if row.repeat == 0 and row.target in (undefended or results["judges"])]
    panels = made.pairs(data.images, {*list(made.saved)[: run.report.panel_images], *extreme})
    draw_panels(bench.folder, panels, shown, white_box=white_box, names=data.class_names)
    chosen = [image for image in run.report.attention_ids or () if image in made.saved]
    ids = chosen or telling_images(verdicts, run.report.attention_images)
    if not ids:
        return
    pairs = made.pairs(data.images, ids)
    attentions = {
        target.name: attention_of(target.source, pairs, bench.asking, batch_size=data.batch_size)
        for target in bench.experiment.targets
        if target.name in undefended and isinstance(target.source, ClassifierSource)
    }
    draw_attentions(bench.folder, pairs, shown, attentions, white_box=white_box, names=data.class_names)
    if attacked_layers(bench):
        _draw_attributions(bench, made, pairs, ids)


def _draw_attributions(bench: Bench, made: AdversarialSet, pairs: SavedPairs, ids: Sequence[int]) -> None:
    """Draw the exact attribution where the run asks for it, else the approximation, which costs less."""
    exact = bench.experiment.run.attribution.exact_images > 0
    kind = "exact attribution" if exact else "attribution (NAA's approximation)"
    layer = f"{attacked_layers(bench)[0]} of {bench.experiment.white_box[0].name}"
    found = attributions(bench, made, ids, bench.experiment.exact if exact else approximation(bench))
    for pair in (pairs[index] for index in range(len(pairs))):
        image = int(pair["id"])
        shows = class_name(bench.data.class_names, made.saved[image].label)
        title = f"image {image}, {shows}: {kind} over {layer}"
        clean, adversarial = found[image]
        path = bench.folder / "figures" / f"attribution-{image:05d}.png"
        draw_attribution(path, title, (pair["clean"], pair["adversarial"]), (clean[0], adversarial[0]))
