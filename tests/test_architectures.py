"""Architectures are attacked with no layer named; `python -m tests.architectures` attacks all of the table."""

import re
from pathlib import Path

import pytest

from tests.architectures import PAGE, WRITERS, main

SMALL = ["ghostnet_050", "shufflenet_v2_x0_5", "MobileViT"]


def test_a_small_one_of_each_library_is_attacked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    main(["--only", *SMALL, "--out", str(page)])
    rows = [row.split(" | ") for row in capsys.readouterr().out.splitlines()]
    assert [row[1].strip("`") for row in rows] == SMALL
    assert [row[4] for row in rows] == ["40 x 14 x 14", "96 x 14 x 14", "48 x 32 x 32"]
    assert [row[-1] for row in rows] == ["2 of 2, 16/255 |"] * 3
    assert not page.exists()


def test_the_page_has_a_row_of_each() -> None:
    rows = re.findall(r"(?m)^\| (timm|torchvision|transformers) \| `(\w+)` .* \| 2 of 2, 16/255 \|$", PAGE.read_text())
    assert rows == [(library, name) for name, (library, _) in WRITERS.items()]
    libraries = [library for library, _ in rows]
    assert [libraries.count(library) for library in ("timm", "torchvision", "transformers")] == [20, 6, 6]


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "lenet"])
    assert "invalid choice: 'lenet'" in capsys.readouterr().err
