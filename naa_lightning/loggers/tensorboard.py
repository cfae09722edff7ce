"""A TensorBoard logger that keeps its files in the run's folder."""

from importlib.util import find_spec

from pytorch_lightning.loggers import TensorBoardLogger

from naa_lightning.exceptions import UserError


def tensorboard_logger(*, save_dir: str) -> TensorBoardLogger:
    """Make a logger that writes to `tensorboard` below `save_dir`, a folder for each start of the run.

    Args:
        save_dir: The run's folder.

    Raises:
        UserError: TensorBoard is not installed.
    """
    if find_spec("tensorboard") is None:
        raise UserError("TensorBoard is not installed: pip install 'naa_lightning[tensorboard]', or give logger=csv")
    return TensorBoardLogger(save_dir, name="tensorboard", default_hp_metric=False)
