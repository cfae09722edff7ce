"""Networks in ONNX files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from naa_lightning.exceptions import ModelError
from naa_lightning.models.batches import batch_sizes
from naa_lightning.models.black_box.black_box import BlackBox, reason
from naa_lightning.models.black_box.file_format import completed
from naa_lightning.models.black_box.network_file import NetworkFile
from naa_lightning.models.black_box.onnx_network import OnnxNetwork, open_session

# An entry of a tensor's external data, as protobuf writes it: the key "location" and, after its length, the name.
_LOCATION = re.compile(rb"(\x0a\x08location\x12[\x01-\x7f])(?=(.{1,127}))", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class OnnxModel(NetworkFile):
    """A network in an ONNX file, run by onnxruntime; what is None is read from the file.

    Layout, size, batch size and element type are those of the input; channels, mean and std or value_range are the
    metadata `Image.BitmapPixelFormat`, `mean` and `std` or `Image.NominalPixelRange`.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)

    @property
    def files(self) -> Sequence[Path]:
        """The file of the network, and those beside it that it names as holding its weights."""
        path = Path(self.path)
        content = path.read_bytes() if path.is_file() else b""
        names = {name[: length[-1]].decode(errors="replace") for length, name in _LOCATION.findall(content)}
        return [path, *(path.parent / name for name in sorted(names) if (path.parent / name).is_file())]

    def check(self) -> None:
        """Check at once that the file and onnxruntime are there.

        Raises:
            ModelError: They are not.
        """
        super().check()
        if find_spec("onnxruntime") is None:
            raise ModelError(f"{self.name} needs onnxruntime: pip install 'naa_lightning[onnx]'")

    def build(self) -> BlackBox:
        """Load the network; see `NetworkFile.build`."""
        self.check()
        try:
            session = open_session(self.path)
        except Exception as error:  # a damaged file or installation can fail in any way
            raise ModelError(f"{self.name}: {self.path} cannot be read as ONNX: {reason(error)}") from error
        try:
            network = OnnxNetwork(session, output=self.output)
            metadata = session.get_modelmeta().custom_metadata_map
            image_format = completed(
                self.image_format(), shape=network.shape, element=network.element, metadata=metadata
            )
            sizes = batch_sizes(network.batch_sizes, self.batch_size)
        except ValueError as error:
            raise ModelError(f"{self.name}, {self.path}: {error}") from error
        return BlackBox(
            network,
            image_format=image_format,
            output_format=replace(self.output_format(), output=None),  # the session gives nothing else
            batch_sizes=sizes,
        ).eval()
