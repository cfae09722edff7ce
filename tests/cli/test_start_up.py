"""What a program loads before it knows that it is needed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.experiments import ROOT

HEAVY = {
    "torch",
    "pytorch_lightning",
    "lightning_fabric",
    "torchvision",
    "torchmetrics",
    "timm",
    "wandb",
    "matplotlib",
    "scipy",
    "sklearn",
    "captum",
    "pyarrow",
    "onnxruntime",
}


def loaded(code: str, *arguments: str) -> set[str]:
    """What of the heavy libraries a process has loaded once it has run some code, which may exit."""
    tell = f"import atexit, sys; atexit.register(lambda: print('loaded:', *{HEAVY!r} & sys.modules.keys()))"
    command = [sys.executable, "-c", f"{tell}\n{code}", *arguments]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    return set(output.rpartition("loaded:")[2].split())


def loaded_by(program: str, *arguments: str) -> set[str]:
    return loaded(
        f"import runpy, sys; sys.argv[0] = {program!r}; runpy.run_path({program!r}, run_name='__main__')", *arguments
    )


@pytest.mark.parametrize("program", ["attack.py", "train.py"])
@pytest.mark.parametrize("arguments", [["--help"], ["surrogate=nobody"], ["seeed=1"], ["--cfg", "job"]], ids=" ".join)
def test_nothing_heavy_is_loaded_before_the_configuration_is_composed(
    program: str, arguments: list[str], tmp_path: Path
) -> None:
    where = [f"hydra.run.dir={tmp_path}"]
    more = ["surrogate=digits_plain"] if program == "train.py" and arguments != ["surrogate=nobody"] else []
    assert loaded_by(program, *arguments, *more, *where) == set()


@pytest.mark.parametrize(
    "mistake", ["attack.budget.eps=-1", "attack.objective.gamma=x", "attribution.baseline=nowhere", "trainer=[]"]
)
def test_only_torch_is_loaded_before_the_configuration_is_valid(mistake: str, tmp_path: Path) -> None:
    found = loaded_by("attack.py", "experiment=digits", mistake, f"hydra.run.dir={tmp_path}")
    assert found == {"torch"}


def test_a_run_loads_no_library_that_it_may_not_need() -> None:
    assert not loaded("import naa_lightning.runs.attack") & {"timm", "wandb", "sklearn", "onnxruntime"}
