"""The attacked layers of surrogates that leave the choice open."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from naa_lightning.config.attack_experiment import AttackExperiment
from naa_lightning.config.options import in_options, key_of
from naa_lightning.config.studies import LayerStudy
from naa_lightning.data import ImageDataModule
from naa_lightning.distributed.ranks import Ranks
from naa_lightning.exceptions import ModelError, in_one_line
from naa_lightning.models import ClassifierSource, EnsembleSource
from naa_lightning.models.candidates import check_attacked_layer, middle_layer
from naa_lightning.models.classifier_source import AUTO
from naa_lightning.models.layer import LayerError

log = logging.getLogger(__name__)

Layers = str | Sequence[str] | None


def with_attacked_layers(experiment: AttackExperiment, data: ImageDataModule, ranks: Ranks) -> AttackExperiment:
    """Return an experiment whose surrogates name the layers that they are attacked or explained at.

    For `layer=auto` that is the one in the middle of the network; where none is needed, nothing is looked for.

    Args:
        experiment: The experiment.
        data: The clean images, set up; the first one is looked at.
        ranks: The ranks that share the work, on all of which this is called.

    Raises:
        UserError: A layer is needed and none is named; the message lists some. Or there is none.
    """
    open_choices = [source for source in experiment.white_box if not source.layer or source.layer == AUTO]
    if not open_choices:
        return experiment
    image = data.images[0]["image"][None]
    layers = ranks.from_first(lambda: {source.name: _layer(source, image, experiment) for source in open_choices})
    return _with_layers(experiment, layers)


def _layer(source: ClassifierSource, image: Tensor, experiment: AttackExperiment) -> Layers:
    run = experiment.run
    attacked = run.craft and experiment.attack.objective.feature_level and not isinstance(experiment.study, LayerStudy)
    if not attacked and not run.attribution.exact_images:
        return None
    with in_options(key_of(source, run), ModelError):
        model = source.build()
        try:
            if source.layer != AUTO:
                check_attacked_layer(model, image)
            layer = middle_layer(model, image).name
        except LayerError as error:
            raise ModelError(f"{source.name}: {error}") from error
        except Exception as error:  # the user's own network can fail in any way
            raise ModelError(f"{source.name} fails when asked about an image: {in_one_line(error)}") from error
    log.info("%s: layer=auto is %s", source.name, layer)
    return layer


def _with_layers(experiment: AttackExperiment, layers: Mapping[str, Layers]) -> AttackExperiment:
    white_box = [
        replace(source, layer=layers[source.name]) if source.name in layers else source
        for source in experiment.white_box
    ]
    by_name = {source.name: source for source in white_box}
    surrogate = experiment.surrogate
    return replace(
        experiment,
        surrogate=replace(surrogate, members=white_box) if isinstance(surrogate, EnsembleSource) else white_box[0],
        targets=[
            replace(target, source=by_name.get(target.source.name, target.source)) for target in experiment.targets
        ],
    )
