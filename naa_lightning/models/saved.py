"""Models that were trained and saved: a file of weights, and beside it one that says what they are the weights of."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError
from safetensors.torch import save
from torch import nn

from naa_lightning.atomic import write_atomically
from naa_lightning.exceptions import ModelError
from naa_lightning.models.image_format import ImageFormat
from naa_lightning.models.library_model import LibraryModel
from naa_lightning.models.weights import DIGEST

LIBRARIES = {
    "small": "naa_lightning.models.trained.TrainedModel",
    "timm": "naa_lightning.models.timm_model.TimmModel",
    "torchvision": "naa_lightning.models.torchvision_model.TorchvisionModel",
}
"""All that a description may name, and not imported before it does: most of them take seconds to load."""

# What has a library's constructor read weights from elsewhere.
_OTHER_WEIGHTS = {"pretrained", "checkpoint_path", "weights", "weights_backbone"}

_PerChannel = Annotated[list[float], Field(min_length=1, max_length=3)]


_SELDOM = ("channels", "layout", "first_class", "gives", "output", "batch_size")


class _Description(BaseModel):
    """What is said of a network beside its weights; how it was trained is said there too."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)

    library: Literal["small", "timm", "torchvision"]
    name: Annotated[str, Field(min_length=1)]
    architecture: str
    create_kwargs: dict[str, Any]
    num_classes: PositiveInt
    classes: list[str] | None
    mean: _PerChannel
    std: _PerChannel
    input_size: Annotated[list[PositiveInt], Field(min_length=2, max_length=2)]
    interpolation: str
    antialias: bool
    layer: str | list[str] | None
    channels: str | None = None
    layout: str | None = None
    first_class: int = 0
    gives: str = "logits"
    output: int | str | None = None
    batch_size: int | None = None


def library_of(source: LibraryModel) -> str:
    """Return where the networks of a source come from: "small" (this project), "timm" or "torchvision".

    Raises:
        ModelError: From elsewhere, so that a saved one could not be found again.
    """
    kind = f"{type(source).__module__}.{type(source).__qualname__}"
    for library, known in LIBRARIES.items():
        if kind == known:
            return library
    raise ModelError(
        f"{source.name} is a {type(source).__name__}: only networks of timm, torchvision and this project can be saved"
    )


def save_model(path: Path, source: LibraryModel, network: nn.Module, facts: Mapping[str, Any]) -> None:
    """Save a network's weights, and beside them a JSON file that describes it.

    Args:
        path: The file of the weights, which ends in `.safetensors`.
        source: Describes the network; its preprocessing is written down as it is used.
        network: The network, as `source.network` creates it.
        facts: The facts of its training, as plain values, which are written beside the description.

    Raises:
        ModelError: The network is of no library that `saved_model` knows.
        ValueError: A fact has the name of a part of the description, or the file another ending.
        OSError: A file cannot be written.
    """
    if path.suffix != ".safetensors":
        raise ValueError(f"a model's file must end in .safetensors, got {path}")
    description = _described(source).model_dump(exclude_defaults=True)
    if both := description.keys() & facts.keys():
        raise ValueError(f"facts must not describe the network again, got {', '.join(sorted(both))}")
    # copies: safetensors refuses tensors that share memory
    weights = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in network.state_dict().items()}
    content = save(weights)
    said = {**description, **facts, DIGEST: hashlib.sha256(content).hexdigest()}
    write_atomically(path.with_suffix(".json"), json.dumps(said, indent=2) + "\n")
    write_atomically(path, content)


def saved_model(
    model: str, models_dir: str, name: str | None = None, layer: str | Sequence[str] | None = None
) -> LibraryModel:
    """Describe a saved model, so that it can be attacked or tried.

    Args:
        model: The path of one of its two files, the file's name without its ending, or what the model is called
            where no other one is called so.
        models_dir: The folder that is searched for names.
        name: The name in tables and files; None keeps that under which it was saved.
        layer: The dotted name of the attacked layer, or several; None keeps that with which it was saved.

    Raises:
        ModelError: There is no such model, there are several, or its files are incomplete or damaged.
    """
    path = _find(model, Path(models_dir).expanduser())
    weights = path.with_suffix(".safetensors")
    said = _description_in(path)
    if not weights.is_file():
        raise ModelError(f"there are no weights {weights} beside {path.name}: put them there, or train the model again")
    options = said.model_dump()
    options |= {"name": name or said.name, "layer": layer or said.layer, "weights": str(weights)}
    try:
        return network_of(**options)
    except ValueError as error:
        raise _unusable(path, str(error)) from error


def network_of(library: str, **options: Any) -> LibraryModel:
    """Describe a network of a library that `LIBRARIES` names.

    Args:
        library: "small", "timm" or "torchvision".
        **options: See `LibraryModel`; of a small network `weights` are needed.

    Raises:
        ValueError: The architecture is unknown, or a value is out of range.
    """
    module, _, kind = LIBRARIES[library].rpartition(".")
    if library == "small":
        options["models_dir"] = str(Path(options["weights"]).parent)
    source: LibraryModel = getattr(import_module(module), kind)(**options)
    return source


def saved_stems(folder: Path) -> list[str]:
    """Return the names of the models in a folder: those of their files without the ending, sorted."""
    return sorted({path.stem for ending in ("json", "safetensors") for path in folder.glob(f"*.{ending}")})


def read_facts(path: Path) -> dict[str, Any]:
    """Read all that is said of a model beside its weights, unchecked.

    Raises:
        ModelError: The file is missing, unreadable or no JSON object.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"there is no {path}, where a training writes what the weights beside it are of: put it there, or give the "
            "path or the name of another model"
        ) from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _unusable(path, f"it is damaged or no JSON ({error})") from error
    if not isinstance(facts, dict):
        raise _unusable(path, "it holds no JSON object")
    return facts


def _described(source: LibraryModel) -> _Description:
    images = ImageFormat(**source.image_options())
    assert images.moments is not None, "networks of these libraries name them"
    assert images.input_size is not None, "likewise"
    mean, std = images.moments
    return _Description(
        library=library_of(source),  # type: ignore[arg-type] # a key of LIBRARIES
        name=source.name,
        architecture=source.architecture,
        create_kwargs={key: value for key, value in source.create_kwargs.items() if key not in _OTHER_WEIGHTS},
        num_classes=source.num_classes,
        classes=None if source.classes is None else list(source.classes),
        mean=list(map(float, mean)),
        std=list(map(float, std)),
        input_size=list(images.input_size),
        interpolation=source.interpolation,
        antialias=source.antialias,
        layer=source.layer if source.layer is None or isinstance(source.layer, str) else list(source.layer),
        **{key: getattr(source, key) for key in _SELDOM},
    )


def _description_in(path: Path) -> _Description:
    try:
        said = _Description.model_validate(read_facts(path))
    except ValidationError as error:
        raise _unusable(path, _explain(error)) from error
    if elsewhere := _OTHER_WEIGHTS & said.create_kwargs.keys():
        raise _unusable(path, f"create_kwargs must not name other weights, got {', '.join(sorted(elsewhere))}")
    return said


def _find(model: str, folder: Path) -> Path:
    """Return where a model's description is, or should be."""
    if Path(model).suffix in {".json", ".safetensors"}:
        return Path(model).expanduser().with_suffix(".json")
    stems = saved_stems(folder)
    found = [model] if model in stems else [stem for stem in stems if _name(folder, stem) == model]
    if len(found) == 1:
        return folder / f"{found[0]}.json"
    if found:
        raise ModelError(f"{len(found)} models in {folder} are called {model}: name one of {_listed(folder, found)}")
    if not stems:
        raise ModelError(f"there is no model {model}, as {folder} holds none: give a path, or train one")
    raise ModelError(
        f"there is no model {model} in {folder}, which holds {_listed(folder, stems)}; "
        f"naa-models {folder} says more of them"
    )


def _name(folder: Path, stem: str) -> Any:
    """Return what a model is called; of a damaged one, what its file says."""
    try:
        return read_facts(folder / f"{stem}.json")["name"]
    except (ModelError, KeyError):
        return stem.rpartition("-")[0]


def _listed(folder: Path, stems: Sequence[str], most: int = 10) -> str:
    more = f" and {len(stems) - most} more" if len(stems) > most else ""
    return ", ".join(f"{stem}{_accuracy(folder / f'{stem}.json')}" for stem in stems[:most]) + more


def _accuracy(path: Path) -> str:
    try:
        return f" ({100 * read_facts(path)['accuracy']:.1f} % right)"
    except (ModelError, KeyError, TypeError, ValueError):
        return ""


def _explain(error: ValidationError) -> str:
    """Say what is wrong with each part of a description, once."""
    problems: dict[Any, str] = {}
    for problem in error.errors():
        message = "must be given" if problem["type"] == "missing" else problem["msg"].replace("Input should", "must")
        problems.setdefault(problem["loc"][0], message)
    return "; ".join(f"{key} {message}" for key, message in problems.items())


def _unusable(path: Path, reason: str) -> ModelError:
    return ModelError(f"{path} describes no model that can be used: {reason}; train it again, or name another model")
