"""What a result says of how it was made."""

from datetime import datetime
from typing import Any

from pydantic import Field

from naa_lightning.records.json_file import Part


class Commit(Part):
    """The commit of the repository in which a run was started.

    Args:
        id: Its full hexadecimal id.
        modified: Whether files under version control differed from it.
    """

    id: str
    modified: bool = False


class Environment(Part):
    """Where a run ran.

    Args:
        device: The device that images were crafted, or evaluated, on, as torch names it.
        processor: The name of that processor or graphics card.
        system: The operating system.
        python: The version of Python.
        packages: The versions of the packages that numbers depend on, by name.
    """

    device: str | None = None
    processor: str | None = None
    system: str | None = None
    python: str | None = None
    packages: dict[str, str] = Field(default_factory=dict)


class Provenance(Part):
    """What the results of a run or of a study say of how they were made.

    Args:
        schema_version: The version of this description.
        version: The version of naa_lightning.
        commit: The commit of the repository that it was started in; None outside of one.
        command: The command line that runs it again.
        overrides: The configuration keys and groups that the command line set.
        started: The time at which it, or its last continuation, began.
        environment: Where it ran.
        surrogate: The name of the surrogate; None where the images come from elsewhere.
        attack, data: The names of the attack and of the data set.
        labels_from: The name of the surrogate whose predictions of the clean images are their labels; None where the
            data tell the labels.
        images: Number of images.
        config: The resolved configuration.
    """

    schema_version: int = 1
    version: str = "unknown"
    commit: Commit | None = None
    command: str | None = None
    overrides: tuple[str, ...] = ()
    started: datetime | None = None
    environment: Environment = Environment()
    surrogate: str | None = None
    attack: str | None = None
    data: str | None = None
    labels_from: str | None = None
    images: int
    config: dict[str, Any] = Field(default_factory=dict)
