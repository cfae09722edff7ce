"""Runs that W&B logs offline, and reading them back."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Logged:
    """An offline W&B run.

    Args:
        run: Its project, name and such.
        config: What it was told of the configuration, by a sweep of W&B too.
        values: The last value of everything logged.
        tables: Columns and rows.
        exit_code: With which it ended.
    """

    run: dict[str, Any]
    config: dict[str, Any]
    values: dict[str, Any]
    tables: dict[str, tuple[list[str], list[list[Any]]]]
    exit_code: int


def go_offline(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Let W&B find neither a server nor a key, and undo what it sets."""
    for variable in ("DATA", "CACHE", "ARTIFACT"):
        patch.setenv(f"WANDB_{variable}_DIR", str(home))
    patch.setenv("WANDB_SILENT", "true")
    patch.setenv("WANDB_MODE", "offline")
    patch.setenv("HOME", str(home))


def logged(folder: Path) -> list[Logged]:
    """Read the W&B runs that a run's folder holds."""
    return [_read(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]


def _read(path: Path) -> Logged:
    program = Path(sys.executable).with_name("wandb")
    inspected = subprocess.run([program, "leet", "inspect", "--json", path], capture_output=True, text=True, check=True)
    records: dict[str, list[dict[str, Any]]] = {}
    for line in inspected.stdout.splitlines():
        record = json.loads(line)
        records.setdefault(record["type"], []).append(record.get(record["type"], {}))
    values = {name: value for row in records["history"] for name, value in row["item"].items()}
    tables = {}
    for name in [name.removesuffix("._type") for name, value in values.items() if value == "table-file"]:
        table = json.loads((path.parent / "files" / values[f"{name}.path"]).read_text())
        tables[name] = (table["columns"], table["data"])
    return Logged(
        run=records["run"][0],
        config={
            name: value
            for record in (records["run"][0]["config"], *records["config"])
            for name, value in record["update"].items()
            if name != "_wandb"
        },
        values=values,
        tables=tables,
        exit_code=records["exit"][-1]["exit_code"],
    )
