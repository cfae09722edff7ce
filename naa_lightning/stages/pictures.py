"""The figures of a run: what was done to images, where models look, and what speaks for and against the class."""

from collections.abc import Sequence

from naa_lightning.data import class_name
from naa_lightning.records import Prediction, SavedPairs
from naa_lightning.report.attention_figure import draw_attentions
from naa_lightning.report.attribution_figure import draw_attribution
from naa_lightning.report.panel import draw_panels
from naa_lightning.report.telling import telling_images
from naa_lightning.stages.attention import attention_of
from naa_lightning.stages.bench import Bench
from naa_lightning.stages.crafting import Crafting
from naa_lightning.stages.explanation import approximation, attacked_layers, attributions


def draw_pictures(bench: Bench, crafting: Crafting, predictions: Sequence[Prediction]) -> None:
    """Draw panels of the first images, and attention and attribution of the chosen or most telling ones."""
    run, data = bench.experiment.run, bench.data
    white_box = [source.name for source in bench.experiment.white_box]
    pairs = SavedPairs(data.images, crafting.saved, crafting.folder)
    names = data.class_names
    draw_panels(bench.folder, pairs, predictions, white_box=white_box, count=run.report.panel_images, names=names)
    ids = run.report.attention_ids or telling_images(predictions, run.report.attention_images, white_box)
    if not ids:
        return
    shown = SavedPairs(data.images.only(ids), crafting.saved, crafting.folder)
    attentions = {
        source.name: attention_of(source, shown, bench.asking, batch_size=data.batch_size)
        for source in bench.experiment.sources
    }
    draw_attentions(bench.folder, shown, predictions, attentions, white_box=white_box, names=names)
    if attacked_layers(bench):
        _draw_attributions(bench, crafting, shown, ids)


def _draw_attributions(bench: Bench, crafting: Crafting, shown: SavedPairs, ids: Sequence[int]) -> None:
    """Draw the exact attribution where the run asks for it, else the approximation, which costs less."""
    exact = bench.experiment.run.attribution.exact_images > 0
    kind = "exact attribution" if exact else "attribution (NAA's approximation)"
    layer = f"{attacked_layers(bench)[0]} of {bench.experiment.white_box[0].name}"
    found = attributions(bench, crafting, ids, bench.experiment.exact if exact else approximation(bench))
    for pair in (shown[index] for index in range(len(shown))):
        image = int(pair["id"])
        shows = class_name(bench.data.class_names, crafting.saved[image].label)
        title = f"image {image}, {shows}: {kind} over {layer}"
        clean, adversarial = found[image]
        path = bench.folder / "figures" / f"attribution-{image:05d}.png"
        draw_attribution(path, title, (pair["clean"], pair["adversarial"]), (clean[0], adversarial[0]))
