"""Image classifiers of Hugging Face's transformers."""

import logging
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from huggingface_hub import constants, file_exists, try_to_load_from_cache
from torch import nn

from naa_lightning.exceptions import MissingWeightsError, ModelError, reason_of
from naa_lightning.models.classifier_source import AUTO, ClassifierSource
from naa_lightning.models.connectivity import is_online

# What the hub takes as an id.
_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_CONFIG = "config.json"
_PROCESSOR = "preprocessor_config.json"
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_SUFFIXES = {".json", ".safetensors", ".bin"}
_IMAGENET_CLASSES = 1000
# Pillow's numbers of the ways to resize; what torch lacks is done in the nearest way.
_INTERPOLATIONS = {0: "nearest", 1: "bicubic", 2: "bilinear", 3: "bicubic"}


@dataclass(frozen=True, kw_only=True)
class HuggingFaceModel(ClassifierSource):
    """Describes an image classifier of transformers.

    Args:
        model: A folder that `save_pretrained` wrote, or the id of a published model. Code that it brings is not run.
    """

    model: str

    @property
    def files(self) -> Sequence[Path]:
        """The files of the folder: descriptions, and weights in one or in parts."""
        return sorted(path for path in Path(self.model).glob("*") if path.suffix in _SUFFIXES)

    def check(self) -> None:
        """Look for the weights in the folder or the hub's cache, then ask whether the hub answers.

        Raises:
            ModelError: There are none.
        """
        if not _is_here(self.model, *_WEIGHTS):
            _found(self.model, self.name, _WEIGHTS[0])

    def loaded_network(self) -> nn.Module:
        """Load the network.

        Raises:
            ModelError: It cannot be loaded, or has no weights of its last layer.
        """
        import transformers  # noqa: PLC0415  (optional, and slow to load)

        config, _ = _config_and_labels(self.model, self.name)
        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        logging.getLogger("transformers").setLevel(logging.ERROR)  # what it warns of is told below
        try:
            network, found = transformers.AutoModelForImageClassification.from_pretrained(
                self.model,
                config=config,
                attn_implementation=None,  # the usual one, whatever code from elsewhere the files ask for
                output_loading_info=True,
                local_files_only=_is_here(self.model, *_WEIGHTS),
                trust_remote_code=False,
                ignore_mismatched_sizes=True,  # they are told below
            )
        except Exception as error:  # a library, its hub and damaged files can fail in any way
            raise ModelError(f"{self.name}: {self.model} cannot be loaded: {reason_of(error)}") from error
        if unlike := sorted(found["mismatched_keys"]):
            key, theirs, ours = unlike[0]
            raise ModelError(
                f"{self.name}: the weights of {self.model} do not fit its {_CONFIG}: {key} has shape {tuple(theirs)}, "
                f"expected {tuple(ours)}; correct what the configuration says"
            )
        if missing := sorted(found["missing_keys"]):
            raise ModelError(
                f"{self.name}: {self.model} holds no weights of {', '.join(missing[:3])}: it is no trained classifier "
                "of images; name one that is"
            )
        single: nn.Module = network.float()
        return single


def huggingface_model(
    model: str,
    name: str | None = None,
    layer: str | Sequence[str] | None = AUTO,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    channels: str | None = None,
    input_size: Sequence[int] | None = None,
    interpolation: str | None = None,
    antialias: bool = False,
    first_class: int | None = None,
) -> HuggingFaceModel:
    """Describe an image classifier of transformers as its configuration and its image processor do.

    Args:
        model: See `HuggingFaceModel`.
        name: The name in tables and files; None for the last part of `model`.
        layer: See `ClassifierSource`.
        mean: See `ImageFormat`; None for what the image processor says, as for all up to `interpolation`.
        std: See `ImageFormat`.
        channels: See `ImageFormat`.
        input_size: See `ImageFormat`.
        interpolation: See `ImageFormat`.
        antialias: See `ImageFormat`.
        first_class: See `logits_of`; None for 1 where the first of 1,001 classes is "background", and otherwise 0.

    Raises:
        ModelError: transformers is not installed, there is no such model, or it does not say how it takes images.
        ValueError: A value is out of range.
    """
    model = str(Path(model).expanduser())
    name = name or Path(model).absolute().name
    if find_spec("transformers") is None:
        raise ModelError(f"{name} needs transformers: pip install 'naa_lightning[huggingface]'")
    _, labels = _config_and_labels(model, name)
    if first_class is None:
        first_class = int(len(labels) == _IMAGENET_CLASSES + 1 and labels[0].lower() == "background")
    given = {"mean": mean, "std": std, "channels": channels, "input_size": input_size, "interpolation": interpolation}
    given = {key: value for key, value in given.items() if value is not None}
    return HuggingFaceModel(
        model=model,
        name=name,
        num_classes=len(labels) - first_class,
        classes=_names(labels, first_class),
        layer=layer,
        antialias=antialias,
        first_class=first_class,
        **{**_image_options(model, name, given.keys()), **given},
    )


def _config_and_labels(model: str, name: str) -> tuple[Any, list[str]]:
    """Return a model's configuration and what it calls the classes."""
    import transformers  # noqa: PLC0415  (optional, and slow to load)

    here = _found(model, name, _CONFIG)
    try:
        config = transformers.AutoConfig.from_pretrained(model, local_files_only=here, trust_remote_code=False)
        return config, [str(config.id2label[index]) for index in range(config.num_labels)]
    except Exception as error:  # a library and damaged files can fail in any way
        raise ModelError(f"{name}: {model} does not describe a classifier of images: {reason_of(error)}") from error


def _names(labels: Sequence[str], first_class: int) -> Sequence[str] | None:
    """Return the labels where they are names: neither numbers, nor those of ImageNet, whose usual names are shorter."""
    numbered = all(label in {f"LABEL_{index}", str(index)} for index, label in enumerate(labels))
    names = labels[first_class:]
    imagenet = len(names) == _IMAGENET_CLASSES and names[0].startswith("tench")
    return None if numbered or imagenet else names


def _image_options(model: str, name: str, given: Set[str]) -> dict[str, Any]:
    """Return how a model takes images, by its image processor, as the arguments of `ImageFormat` that are not given.

    Where enough is given, it may have none.
    """
    import transformers  # noqa: PLC0415  (optional, and slow to load)

    enough = given >= {"mean", "std", "input_size"}
    try:
        if enough and (given >= {"channels", "interpolation"} or not _has_processor(model)):
            return {}
        here = _found(model, name, _PROCESSOR)
        processor = transformers.AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
            model, local_files_only=here, trust_remote_code=False
        )
        return _options_of(processor, given)
    except Exception as error:  # a library and damaged files can fail in any way
        raise ModelError(
            f"{name}: {model} does not say how it takes images ({reason_of(error)}): "
            + ("give `channels` and `interpolation`" if enough else "give `mean`, `std` and `input_size`")
        ) from error


def _options_of(processor: Any, given: Set[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if getattr(processor, "do_flip_channel_order", False):
        options["channels"] = "bgr"
    if "interpolation" not in given:
        options["interpolation"] = _INTERPOLATIONS[int(processor.resample)]
    if not given >= {"mean", "std"}:
        # the processor multiplies values from 0 to 255 by its factor, and then normalises
        scale = 255 * processor.rescale_factor if processor.do_rescale else 255
        if getattr(processor, "rescale_offset", False):
            raise ValueError("its processor takes values from -1")
        mean, std = (processor.image_mean, processor.image_std) if processor.do_normalize else ([0.0] * 3, [1.0] * 3)
        options["mean"] = [float(value) / scale for value in mean]
        options["std"] = [float(value) / scale for value in std]
    crops = getattr(processor, "do_center_crop", False)
    if "input_size" not in given and (processor.do_resize or crops):
        size = processor.crop_size if crops else processor.size
        edge = getattr(size, "shortest_edge", None)
        options["input_size"] = [edge, edge] if edge else [size.height, size.width]
    return options


def _has_processor(model: str) -> bool:
    """Tell whether a model has an image processor; out of reach of the hub that on this machine counts."""
    if _is_here(model, _PROCESSOR):
        return True
    reachable = not Path(model).is_dir() and not constants.HF_HUB_OFFLINE and is_online(constants.ENDPOINT)
    return reachable and file_exists(model, _PROCESSOR)


def _found(model: str, name: str, file: str) -> bool:
    """Tell whether a model's file is on this machine; else it must be on the hub.

    Raises:
        ModelError: It is in neither place.
    """
    if _is_here(model, file):
        return True
    if Path(model).is_dir():
        raise ModelError(f"{name}: there is no {Path(model) / file}; name a folder that `save_pretrained` wrote")
    if not is_online(constants.ENDPOINT):
        raise MissingWeightsError(
            f"{name}: there is no folder {model}, no published model of that id is on this machine, and "
            f"{constants.ENDPOINT} is out of reach: connect to the network, or name a folder with `model=FOLDER`"
        )
    return False


def _is_here(model: str, *files: str) -> bool:
    """Tell whether a folder or the hub's cache holds one of some files."""
    folder = Path(model)
    if folder.is_dir():
        return any((folder / file).is_file() for file in files)
    if not _ID.fullmatch(model):
        raise ModelError(f"there is no folder {model}; correct `model`, or give the id of a published one")
    return any(isinstance(try_to_load_from_cache(model, file), str) for file in files)
