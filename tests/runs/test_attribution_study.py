"""Exact against approximate attribution, as a run."""

import csv
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from naa_lightning.attribution import Conductance, FeatureDifference, attribute
from naa_lightning.attribution import Path as IntegrationPath
from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.data.digits import DigitsData
from naa_lightning.exceptions import UserError
from naa_lightning.records.studies import AttributionStudyResults, read_study
from naa_lightning.rng import SeededDraws
from tests.experiments import attack, composed

STUDY = ["study=attribution", "data.limit=2", "attribution.path_points=8", "~targets"]
TWO_METHODS = [
    "~study.methods.conductance",
    "~study.methods.stepped_conductance",
    "~study.methods.naa",
    "~study.methods.fia",
]


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "attribution.csv").open() as file:
        return list(csv.DictReader(file))


def test_methods_layers_and_points_make_a_table_and_a_page(
    tmp_path: Path, models_dir: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attack(tmp_path, models_dir, *STUDY, "study.points=[2,5]", "study.layers=[middle,top]", "logger=csv") is None
    rows = table(tmp_path)
    once, twice = ["reference", "fia", "gradient_times_activation"], ["conductance", "stepped_conductance", "naa"]
    for layer in ("middle", "top"):
        of_layer = [(row["method"], row["points"]) for row in rows if row["layer"] == layer]
        assert len(of_layer) == len(set(of_layer)) == 3 + 2 * 4
        assert {(name, "") for name in once} <= set(of_layer)
        assert {(name, points) for name in twice for points in ("2", "5")} <= set(of_layer)
    references = [row for row in rows if row["method"] == "reference"]
    assert [float(row["cosine"]) for row in references] == pytest.approx([1, 1])
    # conductance is complete over any layer, up to the quadrature: the sum is the same integral
    assert float(references[0]["completeness_gap"]) == pytest.approx(float(references[1]["completeness_gap"]), rel=1e-3)
    assert {row["gradient_evaluations"] for row in rows if row["method"] == "fia"} == {"30"}
    assert "Cosine with the reference" in (tmp_path / "report.html").read_text()
    assert not (tmp_path / "adversarial").exists()
    shown = capsys.readouterr().out
    assert f"report: {tmp_path / 'report.html'}\n" in shown
    assert f"results: {tmp_path}" in re.sub(r"\s+", " ", shown)
    assert max(len(line) for line in shown.splitlines() if str(tmp_path) not in line) <= 80
    found = read_study(tmp_path)
    assert isinstance(found, AttributionStudyResults)
    assert (found.images, len(found.methods)) == (2, len(rows))
    assert "study=attribution" in (found.command or "")
    with next((tmp_path / "csv").rglob("metrics.csv")).open() as file:
        logged = list(csv.DictReader(file))
    assert [float(row["attribution_study/cosine"]) for row in logged] == pytest.approx(
        [float(row["cosine"]) for row in rows]
    )


def test_numbers_are_those_of_the_library(tmp_path: Path, models_dir: str) -> None:
    attack(tmp_path, models_dir, *STUDY, *TWO_METHODS, "study.points=[3]", "study.ids=[5]")
    (row,) = (row for row in table(tmp_path) if row["method"] == "naa_without_noise")
    data = DigitsData()
    data.setup("predict")
    (sample,) = (data.images[index] for index in range(len(data.images)) if data.images.records[index].id == 5)
    surrogate = compose_attack_run(composed("experiment=digits", models_dir)).white_box[0].build()
    methods = (
        FeatureDifference(path=IntegrationPath(points=3, noise=0.0)),
        Conductance(path=IntegrationPath(rule="gauss_legendre", points=8, noise=0.0)),
    )
    label = torch.tensor([sample["label"]])
    approximate, exact = (
        attribute(method, surrogate, sample["image"][None], label, SeededDraws(0, [5])) for method in methods
    )
    cosine = torch.nn.functional.cosine_similarity(approximate.values.flatten(), exact.values.flatten(), dim=0)
    assert float(row["cosine"]) == pytest.approx(float(cosine), abs=1e-5)
    gap = (approximate.values.sum() - approximate.explained).abs() / approximate.explained.abs()
    assert float(row["completeness_gap"]) == pytest.approx(float(gap), rel=1e-4)


def test_numbers_that_no_image_has_are_unknown(tmp_path: Path, models_dir: str) -> None:
    """A network whose weights are 0 attributes 0 to every neuron: nothing has a direction, or a share."""
    network = compose_attack_run(composed("experiment=digits", models_dir)).white_box[0].build().network
    save_file(
        {name: torch.zeros_like(value) for name, value in network.state_dict().items()}, tmp_path / "0.safetensors"
    )
    attack(
        tmp_path, models_dir, *STUDY, *TWO_METHODS, "study.points=[3]", f"surrogate.weights={tmp_path}/0.safetensors"
    )
    assert {row["cosine"] for row in table(tmp_path)} == {""}
    assert "No method points the same way as the reference." in (tmp_path / "report.html").read_text()


def test_another_reference(tmp_path: Path, models_dir: str) -> None:
    approximation = "_target_: naa_lightning.attribution.FeatureDifference"
    reference = f"{{{approximation}, path: {{points: 4, rule: midpoint, noise: 0.0}}}}"
    same = f"+study.methods.same={{{approximation}, path: {{rule: midpoint, noise: 0.0}}}}"
    attack(tmp_path, models_dir, *STUDY, *TWO_METHODS, f"study.reference={reference}", same, "study.points=[4]")
    cosines = {row["method"]: float(row["cosine"]) for row in table(tmp_path)}
    assert cosines["same"] == pytest.approx(1)
    assert cosines["naa_without_noise"] < 0.9999


def test_several_surrogates(tmp_path: Path, models_dir: str) -> None:
    members = [
        "surrogate=ensemble",
        "+surrogate@surrogate.members.digits_plain=digits_plain",
        "+surrogate@surrogate.members.digits_residual=digits_residual",
        "surrogate.name=both",
    ]
    attack(tmp_path, models_dir, *STUDY, *TWO_METHODS, *members, "study.points=[2]")
    assert {row["layer"] for row in table(tmp_path)} == {"digits_plain middle", "digits_residual middle"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["study.ids=[1]"], "study.ids: there is no image 1 among the 2 of digits, whose ids are 0 to 5"),
        (["study.layers=[nowhere]"], "there is no layer 'nowhere'"),
        (["study.points=[]"], "points must name at least one number"),
        (["study.points=[0]"], "the rule gauss_legendre needs at least 1 points, got 0"),
        (["study.methods.naa.path.rule=simpson"], "rule must be one of release, left, right"),
        (["+study.methods.naa.path.nosie=1"], "study.methods.naa.path.nosie; did you mean noise?"),
        (["+study.method=1"], "there is no option study.method; did you mean methods?"),
        (["study.methods.fia.keep=2"], "keep must be in"),
        (
            ["+study.methods.wrong={_target_: naa_lightning.attacks.Momentum}"],
            "must build Method, which ",
        ),
        (["study.reference={_target_: naa_lightning.attribution.FeatureDifference, path: {}}"], "must be given"),
        (["attribution.output=softmax"], "attribution.output must be 'probability', 'logit' or 'margin'"),
        (["attribution.baseline=white"], "attribution.baseline must be black, grey, blurred, random or an image file"),
        (["attribution.rule=simpson"], "attribution: rule must be one of"),
        (["attribution.images_per_pass=0"], "attribution.images_per_pass must be at least 1, got 0"),
        (["surrogate.layer=null"], "names no layer: give study.layers"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, models_dir: str, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        attack(tmp_path, models_dir, *STUDY, "attack=mim", *overrides)
