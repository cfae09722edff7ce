"""The table in the terminal."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rich.console import Console

from naa_lightning.records.failure import write_failure
from naa_lightning.report.loading import lines_of
from naa_lightning.report.sweep.table import SweepTable, read_sweep_table
from naa_lightning.report.sweep.terminal import BEST, print_summary, sweep_tables
from tests.report.sweep.cases import random_hits, write_run
from tests.report.sweep.test_files import plain_sweep

DASH = "\N{EN DASH}"
WORD = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=14)
NAME = st.lists(st.tuples(WORD, st.sampled_from("+-_ ")), min_size=1, max_size=6).map(
    lambda parts: "".join(word + sign for word, sign in parts)[:-1]
)


def parts_of(table: SweepTable, width: int) -> list[list[list[str]]]:
    """Return the printed cells of each part, each as its lines joined by a space, its title before."""
    found = []
    for title, part in sweep_tables(table, width):
        console = Console(width=width, file=io.StringIO(), record=True)
        console.print(part, crop=False)
        lines = console.export_text().splitlines()
        assert max(map(len, lines)) <= width, "\n".join(lines)
        found.append([[title], *rows_of(lines)])
    return found


def rows_of(lines: list[str]) -> list[list[str]]:
    """Join the lines of each cell; a row begins where its number is."""
    rows: list[list[str]] = []
    head = True
    for line in lines:
        if line[0] not in "┃│":
            head = head and "┡" not in line
            continue
        cells = [cell.strip() for cell in re.split("[┃│]", line)[1:-1]]
        begins = any(re.match(r"\d+\.\d( |[▲*†]|$)|failed", cell) for cell in cells[1:])
        if (head and not rows) or (not head and begins):
            rows.append(cells)
        else:
            rows[-1] = [f"{above}\n{below}".strip("\n") for above, below in zip(rows[-1], cells, strict=True)]
    return rows


def unbroken(text: str) -> str:
    return re.sub(r"\s", "", text)


def large_sweep(folder: Path, attacks: list[str], targets: list[str], seeds: tuple[int, ...] = (1, 2)) -> SweepTable:
    return read_sweep_table(
        [
            write_run(
                folder / f"{place}-{seed}",
                random_hits(
                    {name: (number + 1) / len(targets) for number, name in enumerate(targets)}, 20, seed + place
                ),
                attack=attack,
                seed=seed,
            )
            for place, attack in enumerate(attacks)
            for seed in seeds
        ]
    )


def told(table: SweepTable, width: int) -> dict[tuple[str, str], str]:
    """Return the text of each cell by the names of its row and column without spaces, however it is laid out."""
    found = {}
    for _, heads, *rows in parts_of(table, width):
        for first, *cells in rows:
            for head, cell in zip(heads[1:], cells, strict=True):
                names = (unbroken(first), unbroken(head))
                assert names not in found
                found[names if heads[0] == "attack" else names[::-1]] = cell
    return found


@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    st.lists(NAME, min_size=1, max_size=6, unique_by=unbroken),
    st.lists(NAME, min_size=1, max_size=6, unique_by=unbroken),
    st.integers(60, 200),
    st.booleans(),
)
def test_every_number_is_told_whole_at_any_width(
    tmp_path_factory: pytest.TempPathFactory, attacks: list[str], targets: list[str], width: int, several: bool
) -> None:
    table = large_sweep(tmp_path_factory.mktemp("sweep"), attacks, targets, (1, 2) if several else (1,))
    cells = told(table, width)
    assert len(cells) == len(table.cells) > len(attacks) * len(targets)
    for cell in lines_of(table.cells):
        text = cells[unbroken(table.rows["name"][cell.row]), unbroken(cell.column)]
        rate, interval = text.split("\n")
        spread = "" if np.isnan(cell.spread) else f" ± {100 * cell.spread:.1f}"
        assert rate.rstrip(f"*{BEST}\N{DAGGER}") == f"{100 * cell.mean:.1f}{spread}"
        assert interval == f"{100 * cell.low:.1f}{DASH}{100 * cell.high:.1f}"
        assert (BEST in rate) == cell.distinct


@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(NAME, min_size=3, max_size=6, unique_by=unbroken), st.integers(60, 100))
def test_words_are_not_broken(tmp_path_factory: pytest.TempPathFactory, names: list[str], width: int) -> None:
    table = large_sweep(tmp_path_factory.mktemp("sweep"), names, ["plain"], (1,))
    words = {word for name in names for word in re.split("[-+_ ]", name)}
    for _, heads, *rows in parts_of(table, width):
        shown = [row[0] for row in rows] if heads[0] == "attack" else heads[1:]
        assert {word for name in shown for word in re.split(r"[-+_\s]", name) if word} <= words


def test_numbers_of_a_setting_are_not_broken(tmp_path: Path) -> None:
    values = [float(f"{digit}e-05") for digit in range(1, 8)]
    runs = [
        write_run(tmp_path / str(place), {"a_very_long_name_of_a_target": [1, 0]}, config={"attack": {"alpha": -value}})
        for place, value in enumerate(values)
    ]
    text = "\n".join(head for _, heads, *_ in parts_of(read_sweep_table(runs), 40) for head in heads[1:])
    for value in values:
        assert f"alpha={-value}" in text


def test_a_small_table_stands_as_rows_against_targets(tmp_path: Path) -> None:
    ((title, heads, mim, naa),) = parts_of(read_sweep_table(plain_sweep(tmp_path)), 120)
    assert title == ["source"]
    assert [" ".join(head.split()) for head in heads] == [
        *("attack", "source", "plain", "plain+jpeg", "black-box mean", "defended mean")
    ]
    assert naa[:4] == ["naa", f"80.0 ± 0.0†\n49.0{DASH}94.3", f"75.0 ± 7.1{BEST}*\n44.2{DASH}91.9", "failed"]
    assert naa[-1] == DASH
    assert mim[0] == "mim"


def test_in_80_columns_many_rows_take_several_tables(tmp_path: Path) -> None:
    table = large_sweep(tmp_path, [f"attack{number}" for number in range(9)], [f"target_{n}" for n in range(7)])
    parts = parts_of(table, 80)
    assert [title for (title,), *_ in parts] == ["source (1 to 3 of 9)", "source (4 to 6 of 9)", "source (7 to 9 of 9)"]
    assert [row[0] for row in parts[0][2:]] == [*(f"target_{n}" for n in range(7)), "black-box mean"]


def test_a_name_that_cannot_be_broken_is_not_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "W" * 90
    print_summary(tmp_path, read_sweep_table([write_run(tmp_path, {name: [1, 0]}, attack=name[:85])]))
    text = capsys.readouterr().out
    assert name in text
    assert name[:85] in text.replace(name, "")


def test_names_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path, {"[red]x[/red]": [1, 0]}, attack="[b]a", surrogate="[i]s")
    print_summary(tmp_path, read_sweep_table([run]))
    text = capsys.readouterr().out
    assert all(name in text for name in ("[red]x[/red]", "[b]a", "[i]s"))


def test_what_to_mind_and_the_folder_follow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = plain_sweep(tmp_path)
    (tmp_path / "f").mkdir()
    write_failure(tmp_path / "f", ValueError("[red]late[/red]"))
    print_summary(tmp_path, read_sweep_table([*runs, tmp_path / "f", tmp_path / "u"]))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4:] == [
        "f failed: ValueError: [red]late[/red]",
        "unfinished: u",
        f"report: {tmp_path / 'report.html'}",
        f"sweep: {tmp_path}",
    ]


def test_without_a_finished_run_only_the_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(tmp_path, read_sweep_table([tmp_path / "u"]))
    assert capsys.readouterr().out.splitlines() == ["unfinished: u", f"sweep: {tmp_path}"]
