"""A run as its page reads it: `results.json`, checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from naa_lightning.exceptions import UserError
from naa_lightning.report.results import FILE_NAME
from naa_lightning.report.telling import judges

Share = float | None


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Rate(_Part):
    """A share in [0, 1] with its 95 % interval; all None where there was nothing to count.

    Args:
        value: The share.
        low: Lower end of its interval.
        high: Upper end of its interval.
        count: How many.
        total: Of how many.
        spread: Standard deviation over repeated draws of a random defence; None where there is one draw.
    """

    value: Share = None
    low: Share = None
    high: Share = None
    count: int = 0
    total: int = 0
    spread: float | None = None


class Unanswered(_Part):
    """How many images were not answered, over all repeats.

    Args:
        clean: Of the clean ones.
        adversarial: Of the adversarial ones.
    """

    clean: int = 0
    adversarial: int = 0


class NoAnswers(_Part):
    """Images without an answer, by why there is none.

    Args:
        invalid: The logits were no numbers.
        abstained: The defence declined.
    """

    invalid: Unanswered = Unanswered()
    abstained: Unanswered = Unanswered()


class Target(_Part):
    """What one target did.

    Args:
        role: Whether it was attacked.
        model: Its name without defences; empty where the file does not say.
        defences: Names of what stands before it.
        repeats: How often each image was asked.
        unanswered: Images without an answer.
        invalid_files: For which the logits were no numbers.
    """

    role: Literal["white-box", "black-box"]
    model: str = ""
    defences: tuple[str, ...] = ()
    repeats: int = 1
    clean_accuracy: Rate = Rate()
    fooling_rate: Rate = Rate()
    error_rate: Rate = Rate()
    success_rate: Rate = Rate()
    target_rate: Rate = Rate()
    unanswered: NoAnswers = NoAnswers()
    invalid_files: tuple[str, ...] = ()

    def rate(self, name: str) -> Rate:
        """Return the rate of this name."""
        found: Rate = getattr(self, name)
        return found


class ClassResult(_Part):
    """How the images of one class fared.

    Args:
        label: The class.
        name: What it is called, where known.
        images: How many there are.
        success_rate: Over the undefended black-box targets.
    """

    label: int
    name: str | None = None
    images: int = 0
    success_rate: Rate = Rate()


class Budget(_Part):
    """How far images may be moved.

    Args:
        norm: "linf" or "l2".
        eps: In units of [0, 1] images.
    """

    norm: str = "linf"
    eps: float


class Record(_Part):
    """Everything of `results.json` that a page shows; what an older file lacks has its empty value."""

    version: str = "unknown"
    surrogate: str | None = None
    attack: str | None = None
    data: str | None = None
    images: int
    missing: tuple[str, ...] = ()
    budget: Budget | None = None
    targeted: bool = False
    targets: dict[str, Target]
    failed: dict[str, str] = Field(default_factory=dict)
    black_box_mean: dict[str, Share] | None = None
    defended_mean: dict[str, Share] | None = None
    perturbation: dict[str, dict[str, float | None] | None] | None = None
    classes: tuple[ClassResult, ...] = ()
    class_names: dict[int, str] = Field(default_factory=dict)
    attribution: dict[str, float | None] | None = None
    exact_attribution: dict[str, Any] | None = None
    cost: dict[str, Any] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The run's headline rate."""
        return "target_rate" if self.targeted else "success_rate"

    def undefended(self, *, white_box: bool) -> dict[str, Target]:
        """Return the targets without a defence that were attacked, or those that were not."""
        role = "white-box" if white_box else "black-box"
        return {name: target for name, target in self.targets.items() if target.role == role and not target.defences}

    @property
    def judges(self) -> tuple[str, ...]:
        """Names of the targets that say how an image transfers: see `judged_by`."""
        return tuple(
            judges({name: (target.role == "white-box", bool(target.defences)) for name, target in self.targets.items()})
        )

    @property
    def judged_by(self) -> str:
        """Which targets these are, in words."""
        if self.undefended(white_box=False):
            return "undefended black-box targets"
        black_box = any(target.role == "black-box" for target in self.targets.values())
        return (
            "black-box targets, all behind a defence" if black_box else "attacked models, there being no other target"
        )


def read_record(folder: Path) -> Record:
    """Read a run's `results.json`.

    Args:
        folder: Of the run.

    Raises:
        UserError: The file is missing or is not what a run writes.
    """
    path = folder / FILE_NAME
    try:
        return Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; a run writes it when it is done") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        where = f"{place}: " if place else ""
        raise UserError(f"{path} is damaged: {where}{first['msg']}; run again to have it rewritten") from error


def mean_of(means: Mapping[str, Share] | None, rate: str) -> Share:
    """Return a mean rate, None where there is none."""
    return (means or {}).get(rate)
