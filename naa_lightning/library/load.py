"""Classifiers by name, or of any network."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.library.preset import preset, preset_names
from naa_lightning.models import Classifier, LibraryModel, TrainedModel, as_classifier
from naa_lightning.models.weights import load_weights

# Files that leave it to the user which network they are of.
_OF_ANY_NETWORK = {
    *("ensemble", "trained", "timm", "torchvision", "huggingface", "torch_hub", "python", "onnx", "exported")
}


def list_surrogates() -> list[str]:
    """Return the names of the surrogates whose attacked layer is known, for `load`.

    Example:
        >>> [name for name in list_surrogates() if name.startswith("inception_v")]
        ['inception_v3', 'inception_v3_adv', 'inception_v4']
    """
    return [name for name in preset_names("surrogate") if name not in _OF_ANY_NETWORK]


def load(
    model: str | nn.Module,
    *,
    weights: str | Path | None = None,
    weights_key: str | None = None,
    layer: str | Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    input_size: Sequence[int] | None = None,
    num_classes: int | None = None,
) -> Classifier:
    """Return a classifier in evaluation mode, by name or of a network.

    A name is that of a surrogate in `list_surrogates()`, of a model of timm or of one of torchvision, and is looked for
    in this order. With or without the tag of its weights: without one they are those that the library prefers.

    Args:
        model: The name, or a network from normalised images of shape (B, 3, h, w) to logits of shape (B, K).
        weights: The path of a local file instead of published weights, or of the network's own.
        weights_key: The entry of that file that holds them, or a prefix of their names; None for the usual entry.
        layer: The dotted name of the attacked layer, or of several; None for the surrogate's own, and for none of
            another network.
        mean: The mean per channel that the network expects, of images in [0, 1]; None for the published one.
        std: The standard deviation per channel that the network expects; None for the published one.
        input_size: The height and width in pixels that images are resized to; None for the published ones.
        num_classes: The number of classes; None for the published one.

    Raises:
        ModelError: The weights cannot be had or do not fit, or the network has no such layer.
        ValueError: The name is unknown, or nothing says what images the network expects.

    Example:
        >>> import timm
        >>> surrogate = load(timm.create_model("test_resnet.r160_in1k"), layer="layer2")
        >>> surrogate.input_size, surrogate.num_classes, surrogate.training
        ((160, 160), 1000, False)
    """
    given = {"layer": layer, "mean": mean, "std": std, "input_size": input_size, "num_classes": num_classes}
    given = {key: value for key, value in given.items() if value is not None}
    if isinstance(model, nn.Module):
        classifier = as_classifier(model, **given)  # type: ignore[arg-type] # each is what its parameter takes
        if weights is not None:
            load_weights(classifier.network, Path(weights).expanduser(), weights_key)
        return classifier.eval()
    if not isinstance(model, str):
        raise ValueError(f"expected the name of a model or a network, got {type(model).__name__}")
    files = {"weights": None if weights is None else str(weights), "weights_key": weights_key}
    return find_source(model, **given, **files).build()


def find_source(name: str, **given: Any) -> LibraryModel:
    """Return what a name stands for, and check in a few seconds that its weights can be had.

    Args:
        name: The name, as `load` takes it.
        **given: What replaces values of the description.

    Raises:
        ModelError: The weights cannot be had.
        ValueError: The name is unknown, or a value is out of range.
    """
    source = _source(name, given)
    if isinstance(source, TrainedModel) and source.local_weights is None:
        _check_trained(source)
    source.check()
    return source


def _source(name: str, given: dict[str, Any]) -> LibraryModel:
    if name in list_surrogates():
        options = preset("surrogate", name)
        module, _, kind = options.pop("_target_").rpartition(".")
        source: LibraryModel = getattr(import_module(module), kind)(**{**options, **given})
        return source
    # Each takes seconds to load.
    import timm  # noqa: PLC0415
    import torchvision  # noqa: PLC0415

    from naa_lightning.models.timm_model import TimmModel  # noqa: PLC0415
    from naa_lightning.models.torchvision_model import TorchvisionModel  # noqa: PLC0415

    of_timm = {*timm.list_models(), *timm.list_models(pretrained=True)}
    if name in of_timm:
        return _with_own_classes(TimmModel(name=name, architecture=name), given)
    of_torchvision = torchvision.models.list_models(module=torchvision.models)
    bare, _, tag = name.partition(".")
    if bare in of_torchvision:
        tag = tag or torchvision.models.get_model_weights(bare).DEFAULT.name
        return _with_own_classes(TorchvisionModel(name=name, architecture=f"{bare}.{tag}"), given)
    known = sorted({*list_surrogates(), *of_timm, *of_torchvision})
    close = get_close_matches(name, known, n=5)
    raise ValueError(
        f"neither this package nor timm nor torchvision has a model {name!r}: "
        + (f"close are {', '.join(close)}" if close else "list_surrogates() and timm.list_models() name them")
    )


def _with_own_classes(source: LibraryModel, given: dict[str, Any]) -> LibraryModel:
    return replace(source, **{"num_classes": source.published().num_classes, **given})


def _check_trained(source: TrainedModel) -> None:
    if not source.weights_path.is_file():
        raise ModelError(
            f"there are no weights of {source.name} in {source.weights_path}: train it, by the command `naa-train "
            f"surrogate={source.name}`, or name a local file in `weights`"
        )
