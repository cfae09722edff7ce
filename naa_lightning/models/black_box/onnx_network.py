"""Running an ONNX file."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from naa_lightning.models.batches import of_type
from naa_lightning.models.chosen_output import LOGITS

FATAL = 4  # of onnxruntime's log levels; what goes wrong is raised as well
_ELEMENTS = {
    "tensor(float)": torch.float32,
    "tensor(float16)": torch.float16,
    "tensor(double)": torch.float64,
    "tensor(uint8)": torch.uint8,
}


def open_session(path: str) -> Any:
    """Return onnxruntime's session of a file, on the GPU where both onnxruntime and torch have one."""
    import onnxruntime  # noqa: PLC0415  (optional, and slow to load)

    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    providers: list[Any] = ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers() and torch.cuda.is_available():
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": torch.cuda.current_device()}))
    return onnxruntime.InferenceSession(path, options, providers=providers)


class OnnxNetwork(nn.Module):
    """A network as onnxruntime runs it.

    Args:
        session: The session of onnxruntime.
        output: Name or index of the output; None: the one called logits, or the first.

    Attributes:
        output: The name of the output.
        index: Its place among all; None where it is the only one.
        shape: The shape of the input: numbers, or names where any number will do; empty where the file says nothing.
        element: The type of the input's elements.
        batch_sizes: The smallest and the largest number of images that it takes at once; None for no limit.

    Raises:
        ValueError: It does not take one tensor of numbers, or has no such output.
    """

    def __init__(self, session: Any, *, output: int | str | None = None) -> None:
        super().__init__()
        inputs = session.get_inputs()
        if len(inputs) != 1:
            raise ValueError(f"takes {_listed(inputs)}, expected one input, images")
        if inputs[0].type not in _ELEMENTS:
            raise ValueError(f"takes {inputs[0].type}, expected one of {', '.join(_ELEMENTS)}")
        self.session = session
        self.input: str = inputs[0].name
        self.shape: Sequence[int | str | None] = inputs[0].shape
        self.element = _ELEMENTS[inputs[0].type]
        size = self.shape[0] if self.shape else None
        self.batch_sizes = (size, size) if isinstance(size, int) else (1, None)
        outputs = session.get_outputs()
        self.output = _output(outputs, output)
        self.index = None if len(outputs) == 1 else [other.name for other in outputs].index(self.output)

    def forward(self, values: Tensor) -> Tensor:
        """Return the output for a batch, on the CPU."""
        (answer,) = self.session.run([self.output], {self.input: of_type(values, self.element).cpu().numpy()})
        return torch.from_numpy(answer)


def _output(outputs: Sequence[Any], wanted: int | str | None) -> str:
    names = [output.name for output in outputs]
    if wanted is None and LOGITS in names:
        wanted = LOGITS
    if isinstance(wanted, str) and wanted in names:
        chosen = outputs[names.index(wanted)]
    elif not isinstance(wanted, str) and 0 <= (wanted or 0) < len(names):
        chosen = outputs[wanted or 0]
    else:
        raise ValueError(f"there is no output {wanted!r}; it gives {_listed(outputs)}")
    if not chosen.type.startswith("tensor("):
        raise ValueError(f"its output {chosen.name} is {chosen.type}, no tensor; it gives {_listed(outputs)}")
    return str(chosen.name)


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(value.name for value in values) or "nothing"
