"""Where names and lines are broken in the terminal."""

import io

import pytest
from rich.console import Console

from naa_lightning.report.terminal import Name, numbers_table, tell


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("inception_resnet_v2+jpeg", ["inception_", "resnet_", "v2+", "jpeg"]),
        ("blocks.3.0.bn1", ["blocks.3.0.", "bn1"]),
        ("naa alpha=-1e-05, gamma=0.5", ["naa ", "alpha=-1e-05, ", "gamma=0.5"]),
        ("+ jpeg + median", ["+ ", "jpeg ", "+ ", "median"]),
        ("fia-", ["fia-"]),
        ("", [""]),
    ],
)
def test_a_name_is_broken_between_its_words_and_not_in_numbers(name: str, pieces: list[str]) -> None:
    assert Name(name).pieces == pieces
    assert "".join(pieces) == name


def test_a_word_wider_than_its_column_is_not_cut() -> None:
    console = Console(width=40, record=True, file=io.StringIO())
    table = numbers_table("target", ["number"])
    table.add_row(Name(f"first_{'w' * 50}"), "12.3")
    console.print(table)
    text = console.export_text()
    assert text.count("w") == 50
    assert "12.3" in text


def test_the_title_of_a_table_is_no_markup() -> None:
    console = Console(width=40, record=True, file=io.StringIO())
    table = numbers_table("target", ["number"], title="naa on photos[/raw]")
    table.add_row(Name("vgg16"), "12.3")
    console.print(table)
    assert "naa on photos[/raw]" in console.export_text()


def test_lines_are_broken_at_spaces_and_are_no_markup() -> None:
    console = Console(width=20, record=True, file=io.StringIO())
    tell(console, "time: 12 min, start-up [red]18[/red] %", "w" * 30)
    assert console.export_text().splitlines() == ["time: 12 min,", "start-up", "[red]18[/red] %", "w" * 30]
