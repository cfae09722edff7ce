"""The table as files."""

import csv
import io
import re
from pathlib import Path

import pytest

from naa_lightning.records.failure import write_failure
from naa_lightning.report.sweep.files import to_csv, to_latex, to_markdown, write_summary
from naa_lightning.report.sweep.table import read_sweep_table
from tests.report.sweep.cases import write_run

DASH = "\N{EN DASH}"
NASTY = r"a|b_c%&#$\{x}~^<i>*`[y]"


def plain_sweep(folder: Path) -> list[Path]:
    """Two attacks, two seeds: naa fools plain where mim does not, on eight of ten images."""
    none, most = [0] * 10, [1] * 8 + [0] * 2
    return [
        write_run(folder / "mim-1", {"source": most, "plain": none, "plain+jpeg": none}, attack="mim", seed=1),
        write_run(folder / "mim-2", {"source": most, "plain": none, "plain+jpeg": none}, attack="mim", seed=2),
        write_run(folder / "naa-1", {"source": most, "plain": most}, seed=1, failed={"plain+jpeg": "gone"}),
        write_run(
            folder / "naa-2", {"source": most, "plain": most[:7] + none[:3]}, seed=2, failed={"plain+jpeg": "gone"}
        ),
    ]


def test_the_csv_has_a_line_per_cell(tmp_path: Path) -> None:
    text = to_csv(read_sweep_table(plain_sweep(tmp_path)))
    table = {(row["attack"], row["target"]): row for row in csv.DictReader(io.StringIO(text))}
    assert list(table) == [
        *(("mim", name) for name in ("source", "plain", "plain+jpeg", "black-box mean", "defended mean")),
        *(("naa", name) for name in ("source", "plain", "plain+jpeg", "black-box mean")),
    ]
    numbers = ("mean", "low", "high", "spread", "clean", "p", "p_holm", "p_best")
    cell = table["naa", "plain"]
    # of three tests: white-box without a difference, the target, and the mean over this target alone
    expected = [0.75, 0.4422, 0.9191, 0.05 * 2**0.5, 1, 2 / 2**8, 3 * 2 / 2**8, 3 * 2 / 2**8]
    assert [float(cell[name]) for name in numbers] == pytest.approx(expected, abs=1e-4)
    assert {name: cell[name] for name in cell if name not in numbers} == {
        "surrogate": "source",
        "attack": "naa",
        "setting": "",
        "data": "photographs",
        "rate": "success_rate",
        "target": "plain",
        "kind": "undefended",
        "white_box": "false",
        "seeds": "2",
        "failed": "false",
        "targets": "",
        "left_out": "",
        "baseline": "mim",
        "better": "8",
        "worse": "0",
        "best": "true",
        "runner_up": "mim",
        "distinct": "true",
    }
    assert table["naa", "source"]["white_box"] == "true"
    assert table["mim", "black-box mean"]["targets"] == "plain"
    lost = table["naa", "plain+jpeg"]
    assert [lost[name] for name in ("failed", "seeds", "mean", "p")] == ["true", "0", "", ""]


def test_the_csv_keeps_names_as_they_are(tmp_path: Path) -> None:
    run = write_run(tmp_path, {'a,"b"\nc': [1, 0]}, attack=NASTY, failed={NASTY: "x; y"})
    rows = list(csv.DictReader(io.StringIO(to_csv(read_sweep_table([run])))))
    assert (rows[0]["target"], rows[0]["attack"]) == ('a,"b"\nc', NASTY)
    assert rows[-1]["left_out"] == f"{NASTY}: x; y"


@pytest.mark.parametrize("name", ["=1+1", "+a", "-a", "@SUM(A1)", "\t=1", "\r=1"])
def test_the_csv_holds_no_formulas(name: str, tmp_path: Path) -> None:
    run = write_run(tmp_path, {name: [1, 0], "plain": [0, 0]}, attack=name, failed={"gone": name})
    text = to_csv(read_sweep_table([run]))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    shown = "'" + name.replace("\r", "\n")
    assert {row["attack"] for row in rows} == {shown}
    assert shown in {row["target"] for row in rows}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(tuple("=+-@\t\r"))]


def test_markdown_is_a_pipe_table(tmp_path: Path) -> None:
    explained, table, found = to_markdown(read_sweep_table(plain_sweep(tmp_path))).strip().split("\n\n")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert cells[0] == ["surrogate", "attack", "source", "plain", "plain+jpeg", "black-box mean", "defended mean"]
    assert [cell.strip("-") for cell in cells[1]] == [":"] * 7
    zero, white = f"0.0 ± 0.0 (0.0{DASH}27.8)", f"80.0 ± 0.0† (49.0{DASH}94.3)"
    mean = [re.sub(r" \(.*\)", "", cell) for row in cells[2:] for cell in row[-2:]]
    assert [row[:-2] for row in cells[2:]] == [
        ["source", "mim", white, zero, zero],
        ["source", "naa", white, rf"**75.0 ± 7.1**\* (44.2{DASH}91.9)", "failed"],
    ]
    assert mean == ["0.0 ± 0.0", "0.0 ± 0.0", r"**75.0 ± 7.1**\*", DASH]
    assert explained == (
        "Success rate in % ± standard deviation over seeds, with the 95 % interval for other images. Bold: above every "
        "other row of its surrogate, above the next by more than chance (paired McNemar tests, Holm-adjusted p \\< "
        "0.05). \\*: differs from the baseline, mim (paired McNemar tests, Holm-adjusted p \\< 0.05). †: white-box."
    )
    assert found == ("- naa wins on source with 75 % success (on plain), 75 points ahead of mim (p = 0.023).")


def test_what_is_no_more_than_chance_is_not_bold(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "mim", {"plain": [1, 0, 0], "other": [1, 0, 0]}, attack="mim"),
        write_run(tmp_path / "naa", {"plain": [1, 1, 1], "other": [0, 0, 0]}, attack="naa"),
    ]
    table = read_sweep_table(runs)
    assert table.cells.best.sum() == 3
    assert "**" not in to_markdown(table)
    assert r"\textbf" not in to_latex(table)
    assert to_markdown(table).endswith(
        "\n\n- naa and mim are not distinguishable on source: 50 % success (mean over 2 networks) and 33 % (p = 1).\n"
    )


def test_markdown_names_what_to_mind_and_settings(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / str(gamma), {NASTY: [1, 0]}, config={"attack": {"gamma": gamma}}) for gamma in (0, 0.5)
    ]
    (tmp_path / "f").mkdir()
    write_failure(tmp_path / "f", ValueError("too\nlate"))
    text = to_markdown(read_sweep_table([*runs, tmp_path / "f", tmp_path / "u"]))
    assert re.search(r"\| source +\| naa +\| gamma=0.5 +\| ", text)
    assert text.endswith("\n- f failed: ValueError: too late\n- unfinished: u\n")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    for line in rows:
        assert len(re.split(r"(?<!\\)\|", line)) == 7, line


def test_latex_is_a_booktabs_table(tmp_path: Path) -> None:
    lines = to_latex(read_sweep_table(plain_sweep(tmp_path))).splitlines()
    assert lines[:3] == [r"% needs \usepackage{booktabs}", r"\begin{table}", r"\centering"]
    assert lines[3].startswith(
        r"\caption{Success rate in \% $\pm$ standard deviation over seeds, with the 95 \% interval for other images. "
        r"Bold: above every other row of its surrogate, above the next by more than chance"
    )
    zero, white = r"0.0 $\pm$ 0.0 {\scriptsize (0.0--27.8)}", r"80.0 $\pm$ 0.0$^{\dagger}$ {\scriptsize (49.0--94.3)}"
    assert lines[4:8] == [
        r"\begin{tabular}{llrrrrr}",
        r"\toprule",
        r"surrogate & attack & source & plain & plain+jpeg & black-box mean & defended mean \\",
        r"\midrule",
    ]
    assert lines[8].startswith(rf"source & mim & {white} & {zero} & {zero} & 0.0 $")
    assert lines[9].startswith(
        rf"source & naa & {white} & \textbf{{75.0 $\pm$ 7.1}}$^{{*}}$ {{\scriptsize (44.2--91.9)}} & failed & \textbf{{"
    )
    assert lines[9].endswith(r" & -- \\")
    assert lines[10:] == [r"\bottomrule", r"\end{tabular}", r"\end{table}"]


def test_the_caption_in_latex_says_what_a_mean_lacks(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", {"plain": [1, 0]}, attack="mim", failed={"net_a": "100 % full"}),
        write_run(tmp_path / "b", {"plain": [1, 0], "net_a": [1, 0]}),
    ]
    expected = r"The black-box mean of mim on source is over 1 target, without net\_a (100 \% full).}"
    assert to_latex(read_sweep_table(runs)).splitlines()[3].endswith(expected)


def test_latex_escapes_names(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / str(place), {NASTY: [1, 0], f"{NASTY}+b": [1, 0]}, surrogate=name, attack=f"[{attack}]")
        for place, (name, attack) in enumerate([(f"[{NASTY}", 1), (f"[{NASTY}", 2), ("b", 1)])
    ]
    text = to_latex(read_sweep_table(runs))
    escaped = (
        r"a\textbar{}b\_c\%\&\#\$\textbackslash{}\{x\}\textasciitilde{}\textasciicircum{}"
        r"\textless{}i\textgreater{}*`{[}y]"
    )
    assert text.count(escaped) == 4  # two rows, two columns
    body = text[text.index(r"\caption") :]
    assert not re.search(r"(?<!\\)[%#~_]", body)
    # what is left of a text without its escapes: groups that close, formulas that end, commands that are known
    bare = re.sub(r"\\[{}$&#%_\\]", "", body)
    depth = 0
    for character in bare:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    commands = {"caption", "begin", "end", "toprule", "midrule", "bottomrule", "textbf", "scriptsize", "pm", "dagger"}
    commands |= {f"text{name}" for name in ("bar", "backslash", "asciitilde", "asciicircum", "less", "greater")}
    assert set(re.findall(r"\\([A-Za-z]+)", bare)) <= commands
    rows = body[body.index(r"\toprule") : body.index(r"\bottomrule")].splitlines()
    lengths = {len(re.split(r"(?<!\\)&", row)) for row in rows if row.endswith(r"\\")}
    assert lengths == {6}
    assert not any(row.startswith("[") for row in rows)


def test_the_files_are_written(tmp_path: Path) -> None:
    runs = plain_sweep(tmp_path / "runs")
    table = write_summary(tmp_path, runs, "naa")
    assert table.rows["name"][table.rows.is_baseline].tolist() == ["naa"]
    assert (tmp_path / "summary.csv").read_text() == to_csv(table)
    assert (tmp_path / "summary.md").read_text() == to_markdown(table)
    assert (tmp_path / "summary.tex").read_text() == to_latex(table)


def test_a_target_may_be_called_as_a_head_is(tmp_path: Path) -> None:
    table = read_sweep_table([write_run(tmp_path, {"attack": [1, 0], "surrogate": [1, 1]})])
    assert " surrogate & attack & attack & surrogate & black-box mean" in f" {to_latex(table)}".replace("\n", " ")
    assert to_markdown(table).count("50.0 (") == 1
    assert to_csv(table).count("\nsource,naa,") == 3


def test_without_a_finished_run_no_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert write_summary(tmp_path, [tmp_path / "a"]).rows.empty
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
