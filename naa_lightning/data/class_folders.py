"""Folders of images whose sub-folders are classes."""

from pathlib import Path

from naa_lightning.exceptions import DataError
from naa_lightning.image_file import is_image


def class_folders(root: Path) -> list[Path]:
    """List the sub-folders, sorted; hidden ones are passed over.

    Raises:
        DataError: An image lies beside them.
    """
    visible = [path for path in sorted(root.iterdir()) if not path.name.startswith(".")]
    stray = [path for path in visible if is_image(path)]
    if stray:
        raise DataError(
            f"{stray[0]} lies in no class folder; move images into class folders, or label those of `root` with "
            "`csv=FILE`, or with what the surrogate predicts: `labels=predicted`"
        )
    return [path for path in visible if path.is_dir()]
