"""The sentence of a sweep."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from naa_lightning.report.sweep.finding import sweep_findings
from naa_lightning.report.sweep.table import read_sweep_table
from tests.report.sweep.cases import write_run

MOST, HALF, LESS = [1] * 18 + [0] * 2, [1] * 10 + [0] * 10, [1] * 9 + [0] * 11


def found(folder: Path, attacks: Mapping[str, Mapping[str, Sequence[int]]], *, targeted: bool = False) -> list[str]:
    runs = [write_run(folder / attack, hits, attack=attack, targeted=targeted) for attack, hits in attacks.items()]
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in sweep_findings(read_sweep_table(runs))]


def test_one_that_wins_by_more_than_chance(tmp_path: Path) -> None:
    two = {"mim": {"plain": HALF, "other": LESS}, "naa": {"plain": MOST, "other": MOST}}
    p = 3 * 2 * 0.5**9  # better on nine images and worse on none, the least likely of three tests
    assert found(tmp_path, two) == [
        f"naa wins on source with 90 % success (mean over 2 networks), 43 points ahead of mim (p = {p:.2g})."
    ]
    certain = {"mim": {"plain": [0] * 20}, "naa": {"plain": MOST}}
    assert found(tmp_path / "certain", certain)[0].endswith("90 points ahead of mim (p < 0.001).")


def test_two_that_cannot_be_told_apart(tmp_path: Path) -> None:
    three = {"mim": {"plain": HALF}, "fia": {"plain": LESS}, "fgsm": {"plain": [0] * 20}}
    assert found(tmp_path, three) == [
        "mim and fia are not distinguishable on source: 50 % success (on plain) and 45 % (p = 1)."
    ]


@pytest.mark.parametrize(
    ("attacks", "targeted", "expected"),
    [
        (
            {"naa": {"plain": MOST, "other": MOST}},
            False,
            "naa on source reaches 90 % success (mean over 2 networks); there is nothing to compare it with.",
        ),
        (
            {"naa": {"plain": MOST}},
            True,
            "naa on source reaches 90 % hits of the class aimed at (on plain); there is nothing to compare it with.",
        ),
        ({"naa": {"source": MOST}}, False, "On source, no black-box network was asked."),
        (
            {"naa": {"plain+jpeg": MOST, "other+jpeg": MOST}},
            False,
            "naa on source reaches 90 % success (mean over 2 networks behind a defence); "
            "there is nothing to compare it with.",
        ),
    ],
)
def test_what_there_is_no_comparison_of(
    tmp_path: Path, attacks: Mapping[str, Mapping[str, Sequence[int]]], targeted: bool, expected: str
) -> None:
    assert found(tmp_path, attacks, targeted=targeted) == [expected]


def test_rows_that_share_no_images_are_not_tested(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", {"plain": MOST}, attack="naa"),
        write_run(tmp_path / "b", {"plain": LESS}, attack="mim", first_id=100),
    ]
    (text,) = sweep_findings(read_sweep_table(runs))
    assert text.replace("\N{NO-BREAK SPACE}", " ") == (
        "naa reaches 90 % success (on plain) on source and mim 45 %: chance is not ruled out."
    )


def test_a_network_that_had_no_image_right_gave_no_answer_that_counts(tmp_path: Path) -> None:
    table = read_sweep_table([write_run(tmp_path, {"source": MOST, "plain": MOST}, unknown={"plain": range(20)})])
    assert sweep_findings(table) == ["On source, no black-box network gave an answer that counts."]


def test_means_over_different_networks_have_no_winner(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", {"plain": MOST}, attack="naa", failed={"other": "no weights"}),
        write_run(tmp_path / "b", {"plain": MOST, "other": LESS}, attack="mim"),
    ]
    assert sweep_findings(read_sweep_table(runs)) == [
        "The means on source are over different networks, so that none is ahead."
    ]


def test_a_higher_mean_that_is_worse_on_more_images_is_no_winner(tmp_path: Path) -> None:
    """Twenty images fool all of five networks; sixty others fool one."""
    names = [f"net{number}" for number in range(5)]
    few, many = [1] * 20 + [0] * 60, [0] * 20 + [1] * 60
    attacks = {
        "naa": dict.fromkeys(names, few),
        "mim": {name: many if name == names[0] else [0] * 80 for name in names},
    }
    assert found(tmp_path, attacks) == [
        "naa reaches 25 % success (mean over 5 networks) on source and mim 15 %, "
        "but naa does worse on more images (p < 0.001)."
    ]


def test_each_surrogate_has_its_own(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, {"plain": MOST}, surrogate=name) for name in ("a", "b")]
    assert [text.split(" reaches")[0] for text in sweep_findings(read_sweep_table(runs))] == ["naa on a", "naa on b"]
