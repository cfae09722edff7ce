"""Networks in ONNX files."""

from collections.abc import Sequence
from dataclasses import dataclass
from glob import escape
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from naa_lightning.exceptions import ModelError
from naa_lightning.models.black_box.black_box import BlackBox, reason
from naa_lightning.models.black_box.file_format import completed
from naa_lightning.models.black_box.network_file import NetworkFile
from naa_lightning.models.black_box.onnx_network import OnnxNetwork, open_session


@dataclass(frozen=True, kw_only=True)
class OnnxModel(NetworkFile):
    """A network in an ONNX file, run by onnxruntime; what is None is read from the file.

    Layout, size, batch size and element type are those of the input; channels, mean and std or value_range are the
    metadata `Image.BitmapPixelFormat`, `mean` and `std` or `Image.NominalPixelRange`.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)

    @property
    def files(self) -> Sequence[Path]:
        """The file of the network, and those beside it whose names begin alike, as those of large weights do."""
        path = Path(self.path)
        return [path, *sorted(other for other in path.parent.glob(f"{escape(path.stem)}*") if other != path)]

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
        except ValueError as error:
            raise ModelError(f"{self.name}, {self.path}: {error}") from error
        return BlackBox(network, image_format=image_format, output_format=self.output_format()).eval()
