"""A run as its page reads it: `results.json`, checked."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from naa_lightning.exceptions import UserError
from naa_lightning.report.results import FILE_NAME, headline_rate
from naa_lightning.report.transferability import judging_targets

Share = float | None
Role = Literal["white-box", "black-box"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class RateRecord(_Part):
    """A share in [0, 1] with its 95 % interval; all None where there was nothing to count.

    Args:
        value: The share.
        low: Lower end of its interval.
        high: Upper end of its interval.
        count: Number of images that are counted.
        total: Number of images among which they are counted.
        spread: Standard deviation over the draws of a random defence; None where there is one draw.
    """

    value: Share = None
    low: Share = None
    high: Share = None
    count: int = 0
    total: int = 0
    spread: float | None = None


class Unanswered(_Part):
    """Numbers of images without a prediction for one reason, over all draws.

    Args:
        clean: Number of clean images.
        adversarial: Number of adversarial images.
    """

    clean: int = 0
    adversarial: int = 0


class TargetRecord(_Part):
    """The rates of one target.

    Args:
        role: Whether the target was attacked.
        model: The name of its model; empty where the file does not say.
        defences: The names of its defences.
        repeats: Number of predictions for each image.
        unanswered: Numbers of images without a prediction, by the reason: "invalid" or "abstained".
        invalid_files: The files for which the logits are no numbers.
    """

    role: Role
    model: str = ""
    defences: tuple[str, ...] = ()
    repeats: int = 1
    clean_accuracy: RateRecord = RateRecord()
    fooling_rate: RateRecord = RateRecord()
    error_rate: RateRecord = RateRecord()
    success_rate: RateRecord = RateRecord()
    target_rate: RateRecord = RateRecord()
    unanswered: dict[str, Unanswered] = Field(default_factory=dict)
    invalid_files: tuple[str, ...] = ()

    def rate(self, name: str) -> RateRecord:
        """Return the rate of this name."""
        found: RateRecord = getattr(self, name)
        return found


class ClassRecord(_Part):
    """The success rate of the images of one class.

    Args:
        label: The class.
        name: The name of the class; None where it is unknown.
        images: Number of images.
        success_rate: The success rate over the judging targets.
    """

    label: int
    name: str | None = None
    images: int = 0
    success_rate: RateRecord = RateRecord()


class BudgetRecord(_Part):
    """The bound of perturbations.

    Args:
        norm: The norm, "linf" or "l2".
        eps: The largest norm, images being in [0, 1].
    """

    norm: str = "linf"
    eps: float


class RunRecord(_Part):
    """Everything of `results.json` that a page shows; what an older file lacks has its empty value."""

    version: str = "unknown"
    surrogate: str | None = None
    attack: str | None = None
    data: str | None = None
    images: int
    missing: tuple[str, ...] = ()
    budget: BudgetRecord | None = None
    targeted: bool = False
    targets: dict[str, TargetRecord]
    failed: dict[str, str] = Field(default_factory=dict)
    black_box_mean: dict[str, Share] | None = None
    defended_mean: dict[str, Share] | None = None
    perturbation: dict[str, dict[str, float | None] | None] | None = None
    classes: tuple[ClassRecord, ...] = ()
    class_names: dict[int, str] = Field(default_factory=dict)
    attribution: dict[str, float | None] | None = None
    exact_attribution: dict[str, Any] | None = None
    cost: dict[str, Any] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The run's headline rate."""
        return headline_rate(targeted=self.targeted)

    def headline_mean(self, *, defended: bool) -> Share:
        """Return the mean headline rate of the defended or of the undefended black-box targets."""
        means = self.defended_mean if defended else self.black_box_mean
        return (means or {}).get(self.headline)

    def select(self, role: Role, *, defended: bool) -> dict[str, TargetRecord]:
        """Return the targets of a role, by name, those with or those without a defence."""
        return {
            name: target
            for name, target in self.targets.items()
            if target.role == role and bool(target.defences) == defended
        }

    def headline_rates(self, role: Role, *, defended: bool) -> list[float]:
        """Return the headline rates that the targets of a role have, those with or those without a defence."""
        rates = (target.rate(self.headline) for target in self.select(role, defended=defended).values())
        return [rate.value for rate in rates if rate.value is not None]

    @property
    def judges(self) -> tuple[str, ...]:
        """Names of the targets that transfer is judged by; see `judged_by`."""
        kinds = {name: (target.role == "white-box", bool(target.defences)) for name, target in self.targets.items()}
        return tuple(judging_targets(kinds))

    @property
    def judged_by(self) -> str:
        """The description of these targets."""
        if self.select("black-box", defended=False):
            return "undefended black-box targets"
        if self.select("black-box", defended=True):
            return "black-box targets, all behind a defence"
        return "attacked models, there being no other target"


def read_record(folder: Path) -> RunRecord:
    """Read a run's `results.json`.

    Args:
        folder: The run's folder.

    Raises:
        UserError: The file is missing or is not what a run writes.
    """
    path = folder / FILE_NAME
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; a run writes it when it is done") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        where = f"{place}: " if place else ""
        raise UserError(f"{path} is damaged: {where}{first['msg']}; run again to have it rewritten") from error
