"""The table as files and in the terminal."""

import csv
import io
import re
from pathlib import Path

import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from rich.console import Console

from naa_lightning.records.failure import write_failure
from naa_lightning.report.sweep.csv_file import to_csv
from naa_lightning.report.sweep.files import write_summary
from naa_lightning.report.sweep.heat_map import heat_map_figure
from naa_lightning.report.sweep.latex import to_latex
from naa_lightning.report.sweep.markdown import to_markdown
from naa_lightning.report.sweep.summary import Summary
from naa_lightning.report.sweep.terminal import BEST, print_summary, sweep_tables
from tests.report.sweep.cases import random_hits, summarised, write_run

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


def large_sweep(folder: Path, *, attacks: int = 3, targets: int = 8, name: str = "target_with_a_name") -> Summary:
    hits = {f"{name}_{number}": 0.1 * number for number in range(targets)}
    return summarised(
        [
            write_run(
                folder / f"{surrogate}-{attack}-{seed}",
                random_hits(hits, 40, seed + 7 * attack),
                surrogate=f"{name}_{surrogate}",
                attack=f"attack{attack}",
                seed=seed,
            )
            for surrogate in range(3)
            for attack in range(attacks)
            for seed in (1, 2)
        ]
    )


def shown(summary: Summary, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    for table in sweep_tables(summary, width):
        console.print(table)
    return console.export_text()


def test_the_csv_has_a_line_per_cell(tmp_path: Path) -> None:
    text = to_csv(summarised(plain_sweep(tmp_path)))
    table = {(row["attack"], row["target"]): row for row in csv.DictReader(io.StringIO(text))}
    assert list(table) == [
        *(("mim", name) for name in ("source", "plain", "plain+jpeg", "black-box mean", "defended mean")),
        *(("naa", name) for name in ("source", "plain", "plain+jpeg", "black-box mean")),
    ]
    cell = table["naa", "plain"]
    assert float(cell["mean"]) == pytest.approx(0.75)
    assert float(cell["spread"]) == pytest.approx(0.05 * 2**0.5)
    # of three tests: white-box without a difference, the target, and the mean over this target alone
    assert [float(cell[name]) for name in ("p", "p_holm")] == pytest.approx([2 / 2**8, 3 * 2 / 2**8])
    assert {name: cell[name] for name in cell if name not in ("mean", "spread", "p", "p_holm")} == {
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
        "best": "true",
        "baseline": "mim",
        "better": "8",
        "worse": "0",
    }
    assert table["naa", "source"]["white_box"] == "true"
    lost = table["naa", "plain+jpeg"]
    assert [lost[name] for name in ("failed", "seeds", "mean", "p")] == ["true", "0", "", ""]


def test_the_csv_keeps_names_as_they_are(tmp_path: Path) -> None:
    run = write_run(tmp_path, {'a,"b"\nc': [1, 0]}, attack=NASTY)
    rows = list(csv.DictReader(io.StringIO(to_csv(summarised([run])))))
    assert (rows[0]["target"], rows[0]["attack"]) == ('a,"b"\nc', NASTY)


def test_markdown_is_a_pipe_table(tmp_path: Path) -> None:
    explained, table = to_markdown(summarised(plain_sweep(tmp_path))).strip().split("\n\n")
    assert table.splitlines() == [
        "| surrogate | attack | source | plain | plain+jpeg | black-box mean | defended mean |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        "| source | mim | 80.0 ± 0.0† | 0.0 ± 0.0 | 0.0 ± 0.0 | 0.0 ± 0.0 | 0.0 ± 0.0 |",
        f"| source | naa | 80.0 ± 0.0† | **75.0 ± 7.1**\\* | failed | **75.0 ± 7.1**\\* | {DASH} |",
    ]
    assert explained == (
        "Success rate in %, mean ± standard deviation over seeds. Bold: best of its column and surrogate, white-box "
        "targets aside. \\*: differs from the baseline, mim (paired McNemar tests, Holm-adjusted p \\< 0.05). "
        "†: white-box."
    )


def test_markdown_names_what_to_mind_and_settings(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / str(gamma), {NASTY: [1, 0]}, config={"attack": {"gamma": gamma}}) for gamma in (0, 0.5)
    ]
    (tmp_path / "f").mkdir()
    write_failure(tmp_path / "f", ValueError("too\nlate"))
    text = to_markdown(summarised([*runs, tmp_path / "f", tmp_path / "u"]))
    assert "| source | naa | gamma=0.5 | " in text
    assert text.endswith("\n- f failed: ValueError: too late\n- unfinished: u\n")
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.split(r"(?<!\\)\|", line)) == 7, line


def test_latex_is_a_booktabs_table(tmp_path: Path) -> None:
    text = to_latex(summarised(plain_sweep(tmp_path)))
    assert text.splitlines()[4:12] == [
        r"\begin{tabular}{llrrrrr}",
        r"\toprule",
        r"surrogate & attack & source & plain & plain+jpeg & black-box mean & defended mean \\",
        r"\midrule",
        r"source & mim & 80.0 {\scriptsize$\pm$ 0.0}$^{\dagger}$" + r" & 0.0 {\scriptsize$\pm$ 0.0}" * 4 + r" \\",
        r"source & naa & 80.0 {\scriptsize$\pm$ 0.0}$^{\dagger}$"
        r" & \textbf{75.0} {\scriptsize$\pm$ 7.1}$^{*}$ & failed"
        r" & \textbf{75.0} {\scriptsize$\pm$ 7.1}$^{*}$ & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_latex_escapes_names_and_rules_between_surrogates(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / str(place), {NASTY: [1, 0]}, surrogate=name) for place, name in enumerate((NASTY, "b"))
    ]
    text = to_latex(summarised(runs))
    escaped = (
        r"a\textbar{}b\_c\%\&\#\$\textbackslash{}\{x\}\textasciitilde{}\textasciicircum{}"
        r"\textless{}i\textgreater{}*`{[}y]"
    )
    assert text.count(escaped) == 2
    assert text.count(r"\midrule") == 2
    table = text[text.index(r"\toprule") :]
    assert not re.search(r"(?<!\\)[%#~_]", table)
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def test_a_small_table_stands_as_rows_against_targets(tmp_path: Path) -> None:
    text = shown(summarised(plain_sweep(tmp_path)), width=120)
    (row,) = [re.split(r"\s*│\s*", line.strip("│ ")) for line in text.splitlines() if "│ naa" in line]
    assert row == ["naa", f"75.0 ± 7.1{BEST}*", DASH, "80.0 ± 0.0†", f"75.0 ± 7.1{BEST}*", "failed"]


def test_in_80_columns_every_target_is_told_surrogate_by_surrogate(tmp_path: Path) -> None:
    summary = large_sweep(tmp_path)
    text = shown(summary)
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("black-box mean") == 3
    for number in range(8):
        assert text.count(f"target_with_a_name_{number} ") >= 3
    assert "more column" not in text


def test_many_attacks_are_told_by_their_means_first(tmp_path: Path) -> None:
    summary = large_sweep(tmp_path, attacks=8)
    text = shown(summary)
    assert max(map(len, text.splitlines())) <= 80
    assert len(re.findall(r"attack\d", text)) >= 24
    assert "black-box" in text
    hidden = re.search(r"(\d) more columns", " ".join(text.split()))
    assert hidden
    assert len(summary.columns) - int(hidden[1]) >= 1


def test_names_are_no_markup(tmp_path: Path) -> None:
    text = shown(summarised([write_run(tmp_path, {"[red]x[/red]": [1, 0]}, attack="[b]a", surrogate="[i]s")]))
    assert all(name in text for name in ("[red]x[/red]", "[b]a", "[i]s"))


def test_what_to_mind_and_the_folder_follow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = plain_sweep(tmp_path)
    (tmp_path / "f").mkdir()
    write_failure(tmp_path / "f", ValueError("[red]late[/red]"))
    print_summary(tmp_path, summarised([*runs, tmp_path / "f", tmp_path / "u"]))
    lines = capsys.readouterr().out.splitlines()
    told = ["f failed: ValueError: [red]late[/red]", "unfinished: u"]
    assert lines[-4:] == [*told, f"report: {tmp_path / 'report.html'}", f"sweep: {tmp_path}"]


def test_the_heat_map_shows_every_cell(tmp_path: Path) -> None:
    figure = heat_map_figure(summarised(plain_sweep(tmp_path)))
    axes = figure.axes[0]
    texts = {text.get_text(): text for text in axes.texts}
    assert texts["75.0*"].get_fontweight() == "bold"
    assert texts["80.0"].get_fontweight() == "normal"
    assert "failed" in texts
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mim", "naa"]
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "source",
        "plain",
        "plain+jpeg",
        "black-box mean",
        "defended mean",
    ]
    assert sum(patch.get_hatch() is not None for patch in axes.patches) == 2
    assert figure.axes[1].get_ylim() == (0, 100)


def test_colours_are_those_of_the_rates(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(hit), {"plain": [hit]}, attack=str(hit)) for hit in (0, 1)]
    axes = heat_map_figure(summarised(runs)).axes[0]
    lightness = [sum(to_rgb(patch.get_facecolor())) for patch in axes.patches]
    assert lightness[0] == lightness[1] < lightness[2] - 1 == lightness[3] - 1


@pytest.mark.parametrize("name", ["$x_{y$", "W" * 200, "\N{SNOWMAN}"])
def test_any_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    runs = [write_run(tmp_path / attack, {name: [1, 0]}, surrogate=name, attack=f"{name}{attack}") for attack in "ab"]
    write_summary(tmp_path, runs)
    with Image.open(tmp_path / "heatmap.png") as picture:
        assert max(picture.size) < 4000


def test_the_files_are_written(tmp_path: Path) -> None:
    runs = plain_sweep(tmp_path / "runs")
    summary = write_summary(tmp_path, runs, "naa")
    assert summary.baselines == ["naa"]
    assert (tmp_path / "summary.csv").read_text() == to_csv(summary)
    assert (tmp_path / "summary.md").read_text() == to_markdown(summary)
    assert (tmp_path / "summary.tex").read_text() == to_latex(summary)
    assert (tmp_path / "heatmap.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_finished_run_no_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert write_summary(tmp_path, [tmp_path / "a"]).rows == []
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
