"""The figures of a run: what was done to images, where models look, and what speaks for and against the class."""

from collections.abc import Sequence

from naa_lightning.data import class_name
from naa_lightning.models import ClassifierSource
from naa_lightning.records import Prediction, SavedPairs
from naa_lightning.report.attention_figure import draw_attentions
from naa_lightning.report.attribution_figure import draw_attribution
from naa_lightning.report.panel import draw_panels
from naa_lightning.report.telling import telling_images, withstanding_images
from naa_lightning.stages.adversarial_set import AdversarialSet
from naa_lightning.stages.attention import attention_of
from naa_lightning.stages.bench import Bench
from naa_lightning.stages.explanation import approximation, attacked_layers, attributions


def draw_pictures(bench: Bench, made: AdversarialSet, predictions: Sequence[Prediction]) -> None:
    """Draw panels of the first and of the extreme images, attention and attribution of chosen or most telling ones.

    Defended targets are left out.
    """
    run, data = bench.experiment.run, bench.data
    white_box = [source.name for source in bench.experiment.white_box]
    undefended = {target.source.name: target.source for target in bench.experiment.targets if not target.defences}
    predictions = [row for row in predictions if row.target in undefended]
    if not predictions:
        return
    extreme = [
        *telling_images(predictions, run.report.extreme_images, white_box),
        *withstanding_images(predictions, run.report.extreme_images, white_box),
    ]
    panels = made.pairs(data.images, {*list(made.saved)[: run.report.panel_images], *extreme})
    draw_panels(bench.folder, panels, predictions, white_box=white_box, names=data.class_names)
    chosen = [image for image in run.report.attention_ids or () if image in made.saved]
    ids = chosen or telling_images(predictions, run.report.attention_images, white_box)
    if not ids:
        return
    shown = made.pairs(data.images, ids)
    attentions = {
        name: attention_of(source, shown, bench.asking, batch_size=data.batch_size)
        for name, source in undefended.items()
        if isinstance(source, ClassifierSource)
    }
    draw_attentions(bench.folder, shown, predictions, attentions, white_box=white_box, names=data.class_names)
    if attacked_layers(bench):
        _draw_attributions(bench, made, shown, ids)


def _draw_attributions(bench: Bench, made: AdversarialSet, shown: SavedPairs, ids: Sequence[int]) -> None:
    """Draw the exact attribution where the run asks for it, else the approximation, which costs less."""
    exact = bench.experiment.run.attribution.exact_images > 0
    kind = "exact attribution" if exact else "attribution (NAA's approximation)"
    layer = f"{attacked_layers(bench)[0]} of {bench.experiment.white_box[0].name}"
    found = attributions(bench, made, ids, bench.experiment.exact if exact else approximation(bench))
    for pair in (shown[index] for index in range(len(shown))):
        image = int(pair["id"])
        shows = class_name(bench.data.class_names, made.saved[image].label)
        title = f"image {image}, {shows}: {kind} over {layer}"
        clean, adversarial = found[image]
        path = bench.folder / "figures" / f"attribution-{image:05d}.png"
        draw_attribution(path, title, (pair["clean"], pair["adversarial"]), (clean[0], adversarial[0]))
