"""The notebook runs as it is, and is as short as it says."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "quickstart.ipynb"


def cells(notebook: Any, kind: str = "code") -> dict[str, Any]:
    return {cell.id: cell for cell in notebook.cells if cell.cell_type == kind}


@pytest.fixture(scope="module")
def executed() -> dict[str, Any]:
    """The cells of the notebook after it ran here, by id."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    return cells(notebook)


def test_the_job_takes_six_lines_and_what_is_committed_holds_no_outputs() -> None:
    found = cells(nbformat.read(NOTEBOOK, as_version=4))  # type: ignore[no-untyped-call]
    job = [
        line for cell in found.values() if "job" in cell.metadata.get("tags", []) for line in cell.source.splitlines()
    ]
    assert [line.split("naa.")[1].split("(")[0] for line in job if "naa." in line] == [
        "read_images",
        "load",
        "create",
        "show",
        "transfer",
    ]
    assert len(job) <= 6
    assert not any(cell.outputs or cell.execution_count for cell in found.values())


def test_the_panel_is_shown_once(executed: dict[str, Any]) -> None:
    shown = [output.data for output in executed["show"].outputs if output.output_type != "stream"]
    assert [sorted(data) for data in shown] == [["image/png", "text/plain"]]


def test_the_rates_are_a_table_of_both_targets(executed: dict[str, Any]) -> None:
    (output,) = executed["transfer"].outputs
    assert output.data["text/html"].startswith("<table>")
    head, *rows, caption = output.data["text/plain"].splitlines()
    assert head.split()[:2] == ["target", "clean"]
    assert [row.split()[0] for row in rows] == ["mobilenetv3_small_100", "regnety_002", "mean"]
    assert caption.startswith("4 images")
