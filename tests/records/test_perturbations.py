import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from naa_lightning.records import PerturbationRow, read_perturbations, write_perturbations

ROWS = [
    PerturbationRow(7, "cat/a,b.png", linf=0.0625, l2=12.5, ssim=0.75, psnr=30.0, lpips=0.125),
    PerturbationRow(3, "hund/ä.png", linf=0.0, l2=0.0, ssim=1.0, psnr=None, lpips=None),
]
TYPES = {
    "id": pa.int64(),
    "file": pa.string(),
    "linf": pa.float64(),
    "l2": pa.float64(),
    "ssim": pa.float64(),
    "psnr": pa.float64(),
    "lpips": pa.float64(),
    "clean_sha256": pa.string(),
    "adversarial_sha256": pa.string(),
}


def test_rows_come_back_in_their_order(tmp_path: Path) -> None:
    path = write_perturbations(tmp_path, ROWS)
    assert path == tmp_path / "perturbations.parquet"
    assert read_perturbations(tmp_path) == ROWS


@pytest.mark.parametrize("rows", [ROWS, ROWS[1:], []])
def test_columns_keep_their_types(tmp_path: Path, rows: list[PerturbationRow]) -> None:
    schema = pq.read_schema(write_perturbations(tmp_path, rows))
    assert {field.name: field.type for field in schema} == TYPES
    assert schema.names == list(TYPES)
    assert read_perturbations(tmp_path) == rows


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_becomes_null(tmp_path: Path, value: float) -> None:
    path = write_perturbations(tmp_path, [PerturbationRow(0, "a.png", 0.5, 1.0, ssim=value, psnr=value, lpips=value)])
    table = pq.read_table(path)
    assert [table[name].null_count for name in TYPES] == [0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert read_perturbations(tmp_path) == [PerturbationRow(0, "a.png", 0.5, 1.0, None, None, None)]


def test_writing_again_replaces(tmp_path: Path) -> None:
    write_perturbations(tmp_path, ROWS)
    write_perturbations(tmp_path, ROWS[:1])
    assert read_perturbations(tmp_path) == ROWS[:1]
    assert [path.name for path in tmp_path.iterdir()] == ["perturbations.parquet"]


def test_nothing_written_is_nothing_read(tmp_path: Path) -> None:
    assert read_perturbations(tmp_path) == []
