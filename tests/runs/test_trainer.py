"""Trainers of a run are as configured, and keep what they write in the run's folder."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.callbacks import RichModelSummary, RichProgressBar
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from naa_lightning.distributed.process_info import ProcessInfo
from naa_lightning.exceptions import UserError
from naa_lightning.runs.trainer import make_trainer

STEP = "[Strategy]SingleDeviceStrategy.predict_step"
NODE = {"_target_": "pytorch_lightning.Trainer", "accelerator": "cpu", "devices": 1}


class Doubling(LightningModule):
    title = "doubling it"

    def predict_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        return 2 * batch[0]


def predicted(folder: Path, process: ProcessInfo | None = None, callbacks: Any = (), **options: Any) -> Any:
    """What a trainer that is made in a folder predicts of 1 and 2, which is right whatever looks on."""
    trainer = make_trainer(
        NODE | options,
        folder=folder,
        title="doubling a/b",
        process=process,
        callbacks=callbacks,
    )
    assert trainer.default_root_dir == str(folder)
    loader = DataLoader(TensorDataset(torch.tensor([1.0, 2.0])))
    batches: Any = trainer.predict(Doubling(), loader)
    return torch.cat(batches).tolist()


@pytest.mark.parametrize(
    ("profiler", "files"),
    [
        ("simple", ["predict-doubling-a-b.txt"]),
        ("advanced", ["predict-doubling-a-b.txt"]),
        (
            "pytorch",
            [
                f"predict-doubling-a-b-{STEP}.N.pt.trace.json",
                "predict-doubling-a-b.txt",
            ],
        ),
    ],
)
def test_a_profile_is_printed_and_kept_in_the_runs_folder_alone(
    profiler: str,
    files: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert predicted(tmp_path / "run", profiler=profiler) == [2, 4]
    printed = capsys.readouterr().out.removeprefix("doubling-a-b: ")
    kept = tmp_path / "run" / "profiler"
    assert printed.startswith("PREDICT Profiler Report\n")
    assert (kept / files[-1]).read_text().split()[:30] == printed.split()[:30]
    assert sorted(re.sub(r"\.\d+\.", ".N.", path.name) for path in kept.iterdir()) == files
    assert not list((tmp_path / "here").iterdir())
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["profiler"]


def test_each_rank_has_a_profile_and_the_first_one_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for rank in (1, 0):
        assert predicted(tmp_path, ProcessInfo(rank=rank, world_size=2), profiler="simple") == [2, 4]
        assert ("Profiler Report" in capsys.readouterr().out) == (rank == 0)
    assert {path.name for path in (tmp_path / "profiler").iterdir()} == {
        "predict-doubling-a-b-rank0.txt",
        "predict-doubling-a-b-rank1.txt",
    }


def test_lightnings_own_bar_and_summary_can_be_had(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert predicted(tmp_path, callbacks=[RichProgressBar(), RichModelSummary()]) == [2, 4]
    assert "Predicting" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profiler": "smiple"}, "trainer.profiler must be one of simple, advanced, pytorch or null, got 'smiple'"),
        ({"default_root_dir": "x"}, "trainer.default_root_dir=x: all files of a run lie in its own folder, so give "),
        ({"fast_dev_run": True}, "trainer.fast_dev_run would leave the work half done: use data.limit or debug=fdr"),
        ({"overfit_batches": 3}, "trainer.overfit_batches would leave the work half done: use data.limit or debug=ov"),
        (
            {"limit_val_batches": 3},
            "trainer.limit_val_batches would leave the work half done: use data.limit or debug=",
        ),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        predicted(tmp_path, **options)
    assert str(error.value).startswith(message)


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is one")
def test_a_machine_without_an_apple_gpu_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="MPS"):
        predicted(tmp_path, accelerator="mps")
