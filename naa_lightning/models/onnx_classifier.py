"""Networks in ONNX files as classifiers with gradients."""

import logging
import re
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.black_box.black_box import BlackBox, reason
from naa_lightning.models.black_box.onnx_model import OnnxModel
from naa_lightning.models.black_box.onnx_network import FATAL, OnnxNetwork
from naa_lightning.models.classifier import Classifier
from naa_lightning.models.classifier_source import ClassifierSource

log = logging.getLogger(__name__)

# What the converter says of an operator that it lacks.
_LACKING = re.compile(r"op_type=(\w+)")
# So far apart, by half precision and the order of sums, may be the logits of a network and its conversion, in standard
# deviations of an image's logits. Those of unrelated networks differ by about 4 among 1,000 classes.
_DIFFERENCE = 0.05
# The same where all logits are equal.
_ROUNDING = 1e-5
# How far below an image's largest one logits lie at most, for probabilities too small for single precision.
_LEAST = -80.0
_USUAL_SIZE = (224, 224)


@dataclass(frozen=True, kw_only=True)
class OnnxClassifier(ClassifierSource):
    """A network in an ONNX file, converted to modules of torch; what is None is read from the file, see `OnnxModel`.

    Its layers are the file's nodes: the operator and the name of what it gives, such as `Relu_/layer1/relu_output`,
    with underscores for dots.
    """

    path: str

    @property
    def files(self) -> Sequence[Path]:
        """The file of the network, and those beside it that it names as holding its weights."""
        return self._black_box.files

    @property
    def _black_box(self) -> OnnxModel:
        """The same file as it is only asked."""
        return OnnxModel(**{field.name: getattr(self, field.name) for field in fields(OnnxModel)})

    def check(self) -> None:
        """Check at once that the file and what converts it are there.

        Raises:
            ModelError: They are not.
        """
        self._black_box.check()
        if find_spec("onnx2pytorch") is None:
            raise ModelError(f"{self.name} needs onnx2pytorch: pip install 'naa_lightning[onnx]'")

    def loaded_network(self) -> nn.Module:
        """Convert the network.

        Raises:
            ModelError: An operator has no counterpart, or the file cannot be read.
        """
        try:
            return converted(self._black_box.path)
        except (NotImplementedError, RuntimeWarning) as error:
            operator = _LACKING.search(str(error))
            why = f"the operator {operator[1]} has no counterpart" if operator else reason(error)
            raise ModelError(
                f"{self.name}: {self.path} cannot be converted to torch: {why}; as a target it is run as it is"
            ) from error
        except Exception as error:  # a damaged file or a graph that the converter does not foresee can fail in any way
            raise ModelError(f"{self.name}: {self.path} cannot be converted to torch: {reason(error)}") from error

    def build(self) -> Classifier:
        """Load the classifier, in evaluation mode.

        Raises:
            ModelError: It cannot be loaded, the network has no such layer, or is not what it was once converted.
        """
        asked = self._black_box.build()
        assert isinstance(asked.network, OnnxNetwork)
        if asked.network.element == torch.uint8:
            raise ModelError(
                f"{self.name}: {self.path} takes uint8, through which no gradients flow: it can be a target only"
            )
        images = asdict(asked.image_format)
        sizes, index = asked.batch_sizes, asked.network.index
        classifier = self.wrap(self.loaded_network(), **images, batch_size=sizes, output=index).eval()
        self._check_conversion(classifier, asked)
        return classifier

    def _check_conversion(self, classifier: Classifier, asked: BlackBox) -> None:
        """Compare the converted network with the file as onnxruntime runs it, on two images of noise.

        Where nothing says which size images have, they have a usual one, and a file that fails at it goes unchecked.
        """
        noise = torch.rand(2, 3, *(classifier.input_size or _USUAL_SIZE), generator=torch.Generator().manual_seed(0))
        try:
            expected = _centred(asked(noise))
        except ModelError as error:
            if classifier.input_size is not None:
                raise
            log.info("%s is not compared with what it is converted to: %s", self.path, error)
            return
        try:
            with torch.no_grad():
                found = _centred(classifier(noise))
        except Exception as error:  # what the converter has made can fail in any way
            raise ModelError(f"{self.name}: {self.path} fails as converted to torch: {reason(error)}") from error
        difference, spread = float((found - expected).abs().max()), float(expected.std(1, correction=0).max())
        if not difference <= _DIFFERENCE * spread + _ROUNDING:
            raise ModelError(
                f"{self.name}: {self.path} converted to torch gives other logits than the file, by {difference:.2g} "
                f"where they spread by {spread:.2g}, so that its gradients would be wrong; as a target it runs as it is"
            )


def _centred(logits: Tensor) -> Tensor:
    """Return logits (B, C) without what all classes share, which tells nothing."""
    logits = (logits.float() - logits.float().amax(1, keepdim=True)).clamp(min=_LEAST)
    return logits - logits.mean(1, keepdim=True)


def converted(path: str) -> nn.Module:
    """Return a network in an ONNX file as modules of torch, in single precision.

    onnxruntime first takes out of the graph what computes nothing, without which the converter fails at graphs of
    torch's older exporter.

    Raises:
        NotImplementedError, RuntimeWarning: An operator has no counterpart.
    """
    from onnx2pytorch import ConvertModel  # noqa: PLC0415  (optional, and slow to load)

    model = _simplified(path)
    for node in model.graph.node:
        # evaluation is meant wherever it says nothing, and the converter does not know the word
        kept = [attribute for attribute in node.attribute if attribute.name != "training_mode" or attribute.i]
        del node.attribute[:]
        node.attribute.extend(kept)
    _name_without_dots(model.graph)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "No explicit conversion", RuntimeWarning)  # it would guess the operator
        network: nn.Module = ConvertModel(model)
    return network.float()


def _simplified(path: str) -> Any:
    # optional, and slow to load
    import onnx  # noqa: PLC0415
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "simple.onnx")
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        model = onnx.load(options.optimized_model_filepath, load_external_data=False)
    onnx.load_external_data_for_model(model, str(Path(path).parent))  # the weights stay where they are
    return model


def _name_without_dots(graph: Any) -> None:
    """Give all that nodes take and give names that modules of torch may have."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [name.replace(".", "_") for name in names]
    for values in (graph.input, graph.output, graph.initializer, graph.value_info):
        for value in values:
            value.name = value.name.replace(".", "_")
