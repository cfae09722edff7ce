"""The figures of a run: perturbations, the attention of models, and attribution over the attacked layer."""

from collections.abc import Sequence

from naa_lightning.data import class_name
from naa_lightning.models import ClassifierSource
from naa_lightning.records import Prediction, RunResults, SavedPairs
from naa_lightning.report.attention_figure import draw_attentions
from naa_lightning.report.attribution_figure import attribution_figure
from naa_lightning.report.grid import save_figure
from naa_lightning.report.panel import draw_panels
from naa_lightning.report.transferability import least_transferable, most_transferable
from naa_lightning.runs.context import RunContext
from naa_lightning.runs.stages.adversarial_set import AdversarialSet
from naa_lightning.runs.stages.attention import attention_of
from naa_lightning.runs.stages.explanation import approximation, attacked_layers, attributions


def draw_figures(
    context: RunContext, adversarial: AdversarialSet, results: RunResults, predictions: Sequence[Prediction]
) -> None:
    """Draw panels of the first, the most and the least transferable images, attention and attribution of a few.

    Attention and attribution are those of the images that `report.attention_ids` names, or else of the most
    transferable ones. Defended targets are left out where there are others, and earlier figures are removed.

    Args:
        context: The run.
        adversarial: The adversarial images.
        results: What the run found.
        predictions: The predictions of all targets.
    """
    run, data = context.experiment.run, context.data
    for path in (context.folder / "figures").glob("*.png"):
        path.unlink()
    white_box = [source.name for source in context.experiment.white_box]
    judging = [row for row in predictions if row.target in results.judges]
    extreme = [
        *most_transferable(judging, run.report.extreme_images),
        *least_transferable(judging, run.report.extreme_images),
    ]
    undefended = [name for name, target in results.targets.items() if not target.defences]
    shown = [row for row in predictions if row.repeat == 0 and row.target in (undefended or results.judges)]
    panels = adversarial.pairs(data.images, {*list(adversarial.saved)[: run.report.panel_images], *extreme})
    draw_panels(context.folder, panels, shown, white_box=white_box, names=context.class_names)
    chosen = [image for image in run.report.attention_ids or () if image in adversarial.saved]
    ids = chosen or most_transferable(judging, run.report.attention_images)
    if not ids:
        return
    pairs = adversarial.pairs(data.images, ids)
    attentions = {
        target.name: attention_of(target.source, pairs, context.prediction_trainer, batch_size=data.batch_size)
        for target in context.experiment.targets
        if target.name in undefended and isinstance(target.source, ClassifierSource)
    }
    draw_attentions(context.folder, pairs, shown, attentions, white_box=white_box, names=context.class_names)
    if attacked_layers(context):
        _draw_attributions(context, adversarial, pairs, ids)


def _draw_attributions(context: RunContext, adversarial: AdversarialSet, pairs: SavedPairs, ids: Sequence[int]) -> None:
    """Draw the exact attribution where the run asks for it, else the approximation, which costs less."""
    exact = context.experiment.run.attribution.exact_images > 0
    kind = "exact attribution" if exact else "attribution (NAA's approximation)"
    layer = f"{attacked_layers(context)[0]} of {context.experiment.white_box[0].name}"
    found = attributions(context, adversarial, ids, context.experiment.exact if exact else approximation(context))
    for pair in (pairs[index] for index in range(len(pairs))):
        image = int(pair["id"])
        shows = class_name(context.class_names, adversarial.saved[image].label)
        title = f"image {image}, {shows}: {kind} over {layer}"
        before, after = found[image]
        figure = attribution_figure(title, (pair["clean"], pair["adversarial"]), (before[0], after[0]))
        save_figure(figure, context.folder / "figures" / f"attribution-{image:05d}.png")
