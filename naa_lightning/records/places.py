"""Whether adversarial images find the places that their names give them."""

import os
from collections.abc import Iterable
from pathlib import Path

from naa_lightning.atomic import temporary_name
from naa_lightning.data import ImageRecord
from naa_lightning.exceptions import UserError
from naa_lightning.records.manifest import adversarial_name


def check_places(folder: Path, records: Iterable[ImageRecord]) -> None:
    """Check, before any image is crafted, that the file system can take all of them under their names.

    Args:
        folder: The folder of the adversarial images, which is there.
        records: The clean images.

    Raises:
        UserError: A name is too long, or something else is in the way.
    """
    longest_name, longest_path = (os.pathconf(folder, limit) for limit in ("PC_NAME_MAX", "PC_PATH_MAX"))
    for record in records:
        path = folder / adversarial_name(record)
        name = len(os.fsencode(temporary_name(path)))
        if name > longest_name or len(os.fsencode(path.parent)) + 1 + name >= longest_path:
            raise UserError(
                f"the name of {record.file} is too long to save its adversarial image in {folder}; give the file a "
                "shorter name"
            )
        if path.is_dir():
            raise UserError(f"{path} is a folder, and the adversarial image of {record.file} needs its name; remove it")
        for parent in path.relative_to(folder).parents:
            if (folder / parent).is_file():
                raise UserError(
                    f"{folder / parent} is a file, and the adversarial image of {record.file} needs a folder of that "
                    "name; remove it"
                )
