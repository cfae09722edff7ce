"""Exact neuron attribution of some images of an attack run."""

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from naa_lightning.attribution import Conductance, attribute
from naa_lightning.attribution import Path as IntegrationPath
from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.data.digits import DigitsData
from naa_lightning.exceptions import UserError
from naa_lightning.records import read_pictures
from naa_lightning.rng import SeededDraws
from tests.experiments import attack, composed
from tests.runs.cases import results

FAST = ["data.limit=4", "attack.budget.steps=3", "attribution.path_points=6"]


@pytest.fixture(scope="module")
def explained(models_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    attack(folder, models_dir, *FAST, "attribution.exact_images=3", "report.attention_images=1")
    return folder


def rows_of(folder: Path) -> dict[int, dict[str, float]]:
    """The numbers of each image, by part and statistic."""
    found: dict[int, dict[str, float]] = {}
    for row in pq.read_table(folder / "attribution.parquet").to_pylist():
        found.setdefault(row["id"], {})[f"{row['part']}/{row['statistic']}"] = row["value"]
    return found


def test_rows_are_those_of_the_library(explained: Path, models_dir: str) -> None:
    rows = rows_of(explained)
    assert list(rows) == [0, 5, 10]
    data = DigitsData(limit=3)
    data.setup("predict")
    surrogate = compose_attack_run(composed("experiment=digits", models_dir)).white_box[0].build()
    method = Conductance(path=IntegrationPath(rule="gauss_legendre", points=6, noise=0.0))
    for index, row in enumerate(rows.values()):
        sample = data.images[index]
        file = explained / "adversarial" / data.images.records[index].file
        pictures = {"clean": sample["image"], "adversarial": pil_to_tensor(Image.open(file)).float() / 255}
        found = {
            name: attribute(
                method, surrogate, image[None], torch.tensor([sample["label"]]), SeededDraws(0, [sample["id"]])
            )
            for name, image in pictures.items()
        }
        for name, attribution in found.items():
            assert row[f"{name}/attributed"] == pytest.approx(float(attribution.values.sum()), abs=1e-5)
            assert row[f"{name}/explained"] == pytest.approx(float(attribution.explained), abs=1e-5)
        before, after = (found[name].values.clamp_min(0) for name in ("clean", "adversarial"))
        assert row["effect/positive_before"] == pytest.approx(float(before.sum()), rel=1e-4)
        assert row["effect/positive_destroyed"] == pytest.approx(float((before - after).clamp_min(0).sum()), rel=1e-3)


def test_results_summarise_the_rows(explained: Path) -> None:
    rows = rows_of(explained).values()
    found = results(explained)["exact_attribution"]
    assert found["images"] == 3
    assert found["clean"]["positive_share"] == pytest.approx(sum(row["clean/positive_share"] for row in rows) / 3)
    assert found["agreement"]["naa"]["cosine"] == pytest.approx(sum(row["naa/cosine"] for row in rows) / 3)
    destroyed, before = (
        sum(row[f"effect/{name}"] for row in rows) for name in ("positive_destroyed", "positive_before")
    )
    assert found["effect"]["positive_destroyed"] == pytest.approx(destroyed / before)
    assert 0.5 < found["effect"]["positive_destroyed"] <= 1


@pytest.mark.parametrize("name", ["mim", "nrdm"])
def test_attacks_that_attribute_nothing_are_explained_too(tmp_path: Path, models_dir: str, name: str) -> None:
    attack(tmp_path, models_dir, *FAST, f"attack={name}", "attribution.exact_images=1", "~targets")
    found = results(tmp_path)
    assert found["attribution"] is None
    assert found["exact_attribution"]["images"] == 1


def test_without_exact_images_there_is_none(tmp_path: Path, models_dir: str) -> None:
    attack(tmp_path, models_dir, *FAST, "~targets")
    assert results(tmp_path)["exact_attribution"] is None
    assert rows_of(tmp_path) == {}


def test_other_surrogates_and_layers_are_compared_place_by_place(tmp_path: Path, models_dir: str) -> None:
    members = [
        "surrogate=ensemble",
        "+surrogate@surrogate.members.digits_plain=digits_plain",
        "+surrogate@surrogate.members.digits_residual=digits_residual",
        "surrogate.members.digits_plain.layer=[middle,top]",
        "surrogate.name=both",
    ]
    attack(tmp_path, models_dir, *FAST, *members, "attribution.exact_images=2", "~targets")
    found = results(tmp_path)["exact_attribution"]["agreement"]
    assert set(found) == {"naa", "digits_plain top", "digits_residual middle"}
    assert all(-1 <= agreement["cosine"] <= 1 for agreement in found.values())


def test_a_targeted_run_attributes_the_class_aimed_at(tmp_path: Path, models_dir: str) -> None:
    attack(tmp_path, models_dir, *FAST, "attack.targeted=true", "attribution.exact_images=1", "~targets")
    (row,) = rows_of(tmp_path).values()
    data = DigitsData(limit=1)
    data.setup("predict")
    sample = data.images[0]
    surrogate = compose_attack_run(composed("experiment=digits", models_dir)).white_box[0].build()
    with torch.no_grad():
        clean, black = surrogate(torch.stack([sample["image"], torch.zeros_like(sample["image"])])).softmax(1)
    assert row["clean/explained"] == pytest.approx(
        float(clean[sample["target_class"]] - black[sample["target_class"]]), abs=1e-5
    )


def test_a_surrogate_without_layer_cannot_be_explained(tmp_path: Path, models_dir: str) -> None:
    with pytest.raises(
        UserError, match=r"digits_plain: .* give surrogate\.layer, one of .*surrogate\.layer=auto takes middle$"
    ):
        attack(tmp_path, models_dir, *FAST, "attack=mim", "surrogate.layer=null", "attribution.exact_images=1")


def test_a_surrogate_without_layer_gets_no_picture_of_attribution(tmp_path: Path, models_dir: str) -> None:
    attack(tmp_path, models_dir, *FAST, "attack=mim", "surrogate.layer=null", "report.attention_images=1", "~targets")
    views = {row.kind.partition("/")[0] for row in read_pictures(tmp_path) if "/" in row.kind}
    assert views == {"attention"}


def test_chosen_images_are_pictured(tmp_path: Path, models_dir: str) -> None:
    attack(
        tmp_path, models_dir, *FAST, "report.attention_ids=[15,5]", "report.first_images=0", "report.extreme_images=0"
    )
    found = {(row.kind.partition("/")[0], row.id) for row in read_pictures(tmp_path) if "/" in row.kind}
    assert found == {(kind, image) for kind in ("attention", "attribution") for image in (5, 15)}
    with pytest.raises(UserError, match=re.escape("report.attention_ids: there is no image 3 among the 4 of digits")):
        attack(tmp_path, models_dir, *FAST, "report.attention_ids=[3]")
