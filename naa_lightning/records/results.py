"""All that a run found: `results.json`."""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import Field, computed_field, model_validator

from naa_lightning.records.json_file import Part, read_as, write_as
from naa_lightning.records.provenance import Provenance
from naa_lightning.records.targets import (
    RATES,
    FailedTarget,
    MeanResult,
    RateResult,
    Role,
    Share,
    TargetResult,
    headline_rate,
)

FILE_NAME = "results.json"


class ClassResult(Part):
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
    success_rate: RateResult = RateResult()


class Confusion(Part):
    """Images of one class that the judging targets, right when clean, took for another class when adversarial.

    Args:
        label: The true class.
        predicted: The class that they were taken for.
        count: Number of answers, that of one target to one image each.
        images: Number of images.
    """

    label: int
    predicted: int
    count: int
    images: int


class BudgetResult(Part):
    """The bound of perturbations.

    Args:
        norm: The norm, "linf" or "l2".
        eps: The largest norm, images being in [0, 1].
    """

    norm: str = "linf"
    eps: float


class MeasureResult(Part):
    """A measure of perturbations over images; None where no image has it.

    Args:
        images: Number of images that have it, as the peak signal-to-noise ratio only those have that differ from the
            clean image; None in older files.
        mean: Its mean.
        min: Its smallest value, where small is worse.
        max: Its largest value, where large is worse.
    """

    images: int | None = None
    mean: float | None = None
    min: float | None = None
    max: float | None = None

    @property
    def worst(self) -> float | None:
        """The value of the image that is changed most."""
        return self.min if self.max is None else self.max


class GradientResult(Part):
    """Numbers of images for which gradients told nothing while they were crafted.

    Args:
        zero: Those whose gradient was zero in half of the steps or more.
        non_finite: Those that had one with values that are not finite.
        unchanged: Those that equal the clean image.
    """

    zero: int = 0
    non_finite: int = 0
    unchanged: int = 0


class ExactAttribution(Part):
    """Exact neuron attribution over the attacked layer, means over images.

    Args:
        images: Number of images.
        clean, adversarial: The statistics of `naa_lightning.metrics.AttributionMetric` on either kind of image.
        effect: What the attack did to it, as `naa_lightning.metrics.AttackEffectMetric` says.
        agreement: The agreement with it of "naa", the attack's own approximation, and of further layers.
    """

    images: int = 0
    clean: dict[str, float | None] = Field(default_factory=dict)
    adversarial: dict[str, float | None] = Field(default_factory=dict)
    effect: dict[str, float | None] = Field(default_factory=dict)
    agreement: dict[str, dict[str, float | None]] = Field(default_factory=dict)


class PhaseResult(Part):
    """The time of a phase of the run.

    Args:
        seconds: Its seconds.
        share: Its share in the time of the run, in [0, 1].
    """

    seconds: float
    share: float


class Cost(Part):
    """What the run took.

    Args:
        gradient_evaluations_per_image: Mean number of gradients taken for an image; None where nothing was crafted.
        seconds_per_image: Mean crafting time; None where nothing was crafted.
        images_crafted_now: Number of images that the last call crafted; None in a run that crafts nothing.
        seconds: The time of the last call.
        phases: The time of each phase of the last call, by name.
        peak_memory_bytes: Peak memory of the device while crafting; None where nothing was crafted.
    """

    gradient_evaluations_per_image: float | None = None
    seconds_per_image: float | None = None
    images_crafted_now: int | None = None
    seconds: float | None = None
    phases: dict[str, PhaseResult] = Field(default_factory=dict)
    peak_memory_bytes: int | None = None


class RunResults(Provenance):
    """Everything that a run found, and what it was.

    Args:
        **others: See `Provenance`; its images are the adversarial ones.
        missing: The files of the clean images that have no adversarial one.
        clean_images: The SHA-256 digest of the clean images, by the name of their data set: of lines "id digest", one
            an image, as `perturbations.parquet` lists them.
        weights: The SHA-256 digest of each model's weights, or of the file that it is in, by the model's name; None
            where it has neither.
        model_files: The SHA-256 digest of the local files that each model was read from, by the model's name.
        noticed: What seemed wrong with a model before anything was crafted, by the model's name.
        budget: The bound of perturbations.
        targeted: Whether the attack aims at target classes.
        targets: The targets that gave predictions, by name.
        failed: The targets that did not.
        perturbation: The mean and the worst of each measure of perturbations, by its name.
        gradients: The images for which gradients told nothing; None where nothing was crafted.
        classes: The success rate of each class.
        confusions: What was taken for what, the most frequent first.
        class_names: The names of the classes that occur, by class.
        num_classes: The number of classes that labels were counted for; None in older files.
        model_class_names: What the models call these classes, by class; None where they do not say, or where it is what
            the classes of ImageNet are usually called.
        attribution: The statistics of the attribution that guides the attack; None where it has none.
        exact_attribution: Exact attribution; None where none was asked for.
        cost: What it took.
    """

    missing: tuple[str, ...] = ()
    clean_images: dict[str, str] = Field(default_factory=dict)
    weights: dict[str, str | None] = Field(default_factory=dict)
    model_files: dict[str, str] = Field(default_factory=dict)
    noticed: dict[str, str] = Field(default_factory=dict)
    budget: BudgetResult | None = None
    targeted: bool = False
    targets: dict[str, TargetResult]
    failed: dict[str, FailedTarget] = Field(default_factory=dict)
    perturbation: dict[str, MeasureResult] = Field(default_factory=dict)
    gradients: GradientResult | None = None
    classes: tuple[ClassResult, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    class_names: dict[int, str] = Field(default_factory=dict)
    num_classes: int | None = None
    model_class_names: tuple[str, ...] | None = None
    attribution: dict[str, float | None] | None = None
    exact_attribution: ExactAttribution | None = None
    cost: Cost = Cost()

    @model_validator(mode="before")
    @classmethod
    def _from_version_1(cls, values: Any) -> Any:
        """Take over what stood elsewhere in files of version 1, which did not name theirs."""
        if not isinstance(values, Mapping) or "schema_version" in values:
            return values
        moved = dict(values)
        cost = moved.get("cost") or {}
        moved["environment"] = {key: cost.get(key) for key in ("device", "python")} | {
            "packages": {key: cost[key] for key in ("torch",) if key in cost}
        }
        moved["perturbation"] = {name: found for name, found in (moved.get("perturbation") or {}).items() if found}
        moved["failed"] = {
            name: {"reason": reason, "model": model, "defences": [part for part in defences.split("+") if part]}
            | {"role": "white-box" if model == moved.get("surrogate") else "black-box"}
            for name, reason in (moved.get("failed") or {}).items()
            for model, _, defences in [name.partition("+")]
        }
        if exact := moved.get("exact_attribution"):
            known = ExactAttribution.model_fields.keys()
            moved["exact_attribution"] = exact | {
                "agreement": {part: found for part, found in exact.items() if part not in known}
            }
        return moved

    @computed_field  # type: ignore[prop-decorator]
    @property
    def black_box_mean(self) -> MeanResult:
        """The mean over the undefended black-box targets."""
        return self._mean(defended=False)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def defended_mean(self) -> MeanResult:
        """The mean over the defended black-box targets."""
        return self._mean(defended=True)

    @property
    def headline(self) -> str:
        """The name of the rate that stands for the run."""
        return headline_rate(targeted=self.targeted)

    @property
    def optimised(self) -> Share:
        """What a sweep optimises: the mean headline rate of undefended black-box targets, or else of defended ones."""
        undefended = self.headline_mean(defended=False)
        return self.headline_mean(defended=True) if undefended is None else undefended

    @property
    def judges(self) -> tuple[str, ...]:
        """The targets that transfer is judged by: black-box ones or else attacked ones, undefended ones if any.

        A black-box target that shares its weights with the surrogate is none of them. Those that are no better than
        guessing are among them only where all are.
        """
        roles: tuple[Role, ...] = ("black-box", "white-box")
        groups = [self.select(role, defended=defended) for role in roles for defended in (False, True)]
        telling = [[name for name, target in group.items() if not target.no_judge] for group in groups]
        return tuple(next(filter(None, [*telling, *groups]), ()))

    def select(self, role: Role, *, defended: bool) -> dict[str, TargetResult]:
        """Return the targets of a role, by name, those with or those without a defence."""
        return {
            name: target
            for name, target in self.targets.items()
            if target.role == role and bool(target.defences) == defended
        }

    def headline_mean(self, *, defended: bool) -> Share:
        """Return the mean headline rate of the defended or of the undefended black-box targets."""
        return (self.defended_mean if defended else self.black_box_mean).rate(self.headline)

    def _mean(self, *, defended: bool) -> MeanResult:
        members = self.select("black-box", defended=defended)
        reasons = {name: target.left_out(self.headline) for name, target in members.items()}
        counted = [name for name, reason in reasons.items() if reason is None]
        failed = {
            name: target.reason
            for name, target in self.failed.items()
            if target.role == "black-box" and bool(target.defences) == defended
        }
        rates = {rate: [members[name].rate(rate).value for name in counted] for rate in RATES}
        return MeanResult(
            targets=tuple(counted),
            left_out={name: reason for name, reason in reasons.items() if reason is not None} | failed,
            **{rate: _mean_of(values) for rate, values in rates.items()},
        )


def _mean_of(values: list[Share]) -> Share:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def write_results(folder: Path, results: RunResults) -> None:
    """Write `results.json` into a run's folder."""
    write_as(results, folder / FILE_NAME)


def read_results(folder: Path) -> RunResults:
    """Read `results.json` of a run's folder.

    Raises:
        UserError: The file is missing, is not what a run writes, or is of a later version.
    """
    return read_as(RunResults, folder / FILE_NAME)
