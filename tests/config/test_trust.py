"""A configuration runs no code but this project's, Lightning's and what the command line trusts."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning import Callback
from pytorch_lightning.loggers import CSVLogger, Logger
from torch import nn

from naa_lightning.attacks import CrossEntropy, Objective
from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.config.building import build_part
from naa_lightning.config.training_experiment import compose_training_run
from naa_lightning.config.trust import find_own_code, trusted_values
from naa_lightning.exceptions import UserError
from naa_lightning.models import ClassifierSource, ModelSource
from naa_lightning.runs.trainer import make_all, make_data
from tests.experiments import composed

MINE = """
from pathlib import Path
from naa_lightning.attacks import CrossEntropy
Path("{mark}").touch()
class Mine(CrossEntropy):
    def __init__(self, *, strength: int = 1) -> None:
        self.strength = strength
class Other:
    pass
def make(strength: int):
    return Mine(strength=strength)
def fails() -> CrossEntropy:
    raise RuntimeError("not today")
"""


@pytest.fixture
def module(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A module of the user's own in a folder that Python knows, and a file that shows that its code has run."""
    name, mark = f"mine_{tmp_path.name.replace('-', '_')}", tmp_path / "it has run"
    (tmp_path / f"{name}.py").write_text(MINE.format(mark=mark))
    sys.path.append(str(tmp_path))
    yield name, mark
    sys.path.remove(str(tmp_path))
    sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("+logger.x._target_=torch.utils.collect_env.run", "logger.x._target_ names torch.utils.collect_env.run"),
        ("+logger.x._target_=torch.hub.load", "trust=[torch] on the command line allows it"),
        ("+callbacks.x._target_=torch.load", "callbacks.x._target_ names torch.load"),
        ("+trainer.strategy._target_=os.system", "trainer.strategy._target_ names os.system"),
        ("+callbacks.x._target_=pytorch_lightning.cli.LightningCLI", "names pytorch_lightning.cli.LightningCLI"),
        ("+callbacks.x._target_=timm.create_model", "trust=[timm] on the command line allows it"),
        ("+callbacks.x.a=[{_target_:os.system}]", "names os.system"),
        ("attack.objective._target_=mine.Own", "trust=[mine] on the command line allows it"),
    ],
)
@pytest.mark.parametrize("program", ["attack", "train"])
def test_foreign_code_is_refused_before_anything_is_loaded(node: str, said: str, program: str) -> None:
    if program == "train" and node.startswith("attack"):
        node = node.replace("attack.objective", "+training.loss")
    compose: Any = compose_attack_run if program == "attack" else compose_training_run
    preset = ["experiment=digits"] if program == "attack" else []
    with pytest.raises(UserError, match=re.escape(said)):
        compose(composed(*preset, node, program=program))


def test_code_that_a_file_names_is_refused_and_that_the_command_line_names_is_not(tmp_path: Path) -> None:
    node = {"targets": {"mine": {"function": "torch.hub:load"}}}
    with pytest.raises(UserError, match=r"targets.mine.function names torch.hub, .*: trust=\[torch\] on the command"):
        trusted_values(node)
    file = {"targets": {"mine": {"function": f"{tmp_path}/mine.py:ask"}}}
    with pytest.raises(UserError, match=rf"trust=\[{tmp_path}/mine.py\] on the command"):
        trusted_values(file)
    assert trusted_values({**file, "trust": [f"{tmp_path}/mine.py"]})["targets"] == file["targets"]
    composed("experiment=digits", "+black_box@targets.mine=callable", "targets.mine.function=torch.hub:load")
    assert trusted_values(node) == node


def test_an_exported_network_is_code_that_only_trust_lets_run(tmp_path: Path) -> None:
    """The command line may name the file as data, so that naming it is not enough."""
    path = f"{tmp_path}/net.pt2"
    overrides = ["experiment=digits", "+black_box@targets.mine=exported", f"targets.mine.path={path}"]
    overrides.append("targets.mine.value_range=[0,1]")
    for trust in ([], [f"trust=[{tmp_path}/other/net.pt2]"], ["trust=[net]"]):
        with pytest.raises(UserError, match=re.escape(f"targets.mine.path names {path}, which is not known to be sa")):
            compose_attack_run(composed(*overrides, *trust))
    before = list(sys.path)
    with pytest.raises(UserError, match=f"there is no file {path}"):
        compose_attack_run(composed(*overrides, f"trust=[{path}]"))
    assert sys.path == before


def test_a_repository_of_torch_hub_is_code_that_only_trust_lets_run(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "hubconf.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'it has run')!r}).touch()\n")
    overrides = ["experiment=digits", "surrogate=torch_hub", f"surrogate.repo={repo}", "surrogate.model=small"]
    overrides += ["surrogate.value_range=[0,1]", "surrogate.layer=auto", "surrogate.num_classes=10"]
    for trust in ([], ["trust=[repo]"], [f"trust=[{tmp_path}]"], [f"trust=['github:{repo}']"]):
        with pytest.raises(UserError, match=re.escape(f"surrogate.repo names {repo}, which is not known to be safe")):
            compose_attack_run(composed(*overrides, *trust))
    config = composed(*overrides)
    config.trust = [str(repo)]
    with pytest.raises(UserError, match="stands in a file of presets: give it on the command line"):
        compose_attack_run(config)
    before = list(sys.path)
    try:
        compose_attack_run(composed(*overrides, f"trust=[{repo}]"))
    finally:
        sys.path[:] = before
    assert not (tmp_path / "it has run").exists()


def test_a_repository_of_github_is_trusted_by_its_name() -> None:
    node = {"targets": {"hub": {"repo": "owner/name:main", "source": "github"}}}
    for trust in ([], ["owner/name:main"], ["github:owner/name"], ["github:owner/other:main"]):
        with pytest.raises(
            UserError, match=r"targets.hub.repo names .*trust=\[github:owner/name:main\] on the command"
        ):
            trusted_values({**node, "trust": trust})
    assert trusted_values({**node, "trust": ["github:owner/name:main"]})["targets"] == node["targets"]
    assert composed("trust=[github:owner/name:main]").trust == ["github:owner/name:main"]


def test_trust_is_for_a_package_and_what_is_in_it() -> None:
    values = {"callbacks": {"x": {"_target_": "mine.parts.Part"}}}
    for trust in ("mine", "mine.parts"):
        assert trusted_values({**values, "trust": [trust]})["callbacks"] == values["callbacks"]
    for trust in ("min", "mine.part", "parts"):
        with pytest.raises(UserError, match=r"trust=\[mine\]"):
            trusted_values({**values, "trust": [trust]})


def test_a_file_cannot_trust_itself() -> None:
    config = composed("experiment=digits")
    config.trust = ["mine"]
    with pytest.raises(UserError, match=r"trust=\[mine\] stands in a file of presets: give it on the command line"):
        compose_attack_run(config)


def test_a_trusted_file_is_found_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "own_file.py"
    hydra: Any = SimpleNamespace(
        overrides=SimpleNamespace(task=[f"trust=[{file}]"]), runtime=SimpleNamespace(config_sources=[])
    )
    with pytest.raises(UserError, match=re.escape(f"trust=[{file}]: there is no such file or folder")):
        find_own_code([str(file)], hydra)
    file.write_text("from naa_lightning.attacks import CrossEntropy as Mine\n")
    before = list(sys.path)
    try:
        find_own_code([str(file)], hydra)
        values = trusted_values({"trust": [str(file)], "objective": {"_target_": "own_file.Mine"}})
        assert isinstance(build_part(Objective, values["objective"], "objective"), CrossEntropy)
    finally:
        sys.path[:] = before
        sys.modules.pop("own_file", None)


@pytest.mark.parametrize("trusted", [False, True])
def test_the_folder_of_presets_is_looked_into_only_where_something_is_trusted(trusted: bool, tmp_path: Path) -> None:
    source = SimpleNamespace(provider="command-line", schema="file", path=str(tmp_path))
    hydra: Any = SimpleNamespace(
        overrides=SimpleNamespace(task=["trust=[mine]"] if trusted else []),
        runtime=SimpleNamespace(config_sources=[source]),
    )
    before = list(sys.path)
    try:
        find_own_code(["mine"] if trusted else [], hydra)
        assert sys.path == [*before, str(tmp_path)] if trusted else before
    finally:
        sys.path[:] = before


def test_a_typed_file_imports_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "own_beside.py").write_text("from torch import nn\n")
    (tmp_path / "own_typed.py").write_text("from own_beside import nn\ndef build():\n    return nn.Identity()\n")
    words = ["surrogate=python", f"surrogate.function={tmp_path}/own_typed.py:build", *SEEN.split()]
    before = list(sys.path)
    try:
        run = compose_attack_run(composed("experiment=digits", *words))
        assert isinstance(run.white_box[0].loaded_network(), nn.Identity)
    finally:
        sys.path[:] = before
        sys.modules.pop("own_beside", None)


def test_own_classes_and_functions_are_built_with_checked_options(module: tuple[str, Path]) -> None:
    name, _ = module
    part: Any = build_part(Objective, {"_target_": f"{name}.Mine", "strength": 3}, "attack.objective")
    made: Any = build_part(Objective, {"_target_": f"{name}.make", "strength": 4}, "attack.objective")
    assert (part.strength, made.strength) == (3, 4)
    for node, said in (
        ({"_target_": f"{name}.Mine", "strenght": 3}, "there is no option attack.objective.strenght; did you mean str"),
        ({"_target_": f"{name}.Mine", "strength": "much"}, "attack.objective.strength must be a valid integer"),
        ({"_target_": f"{name}.Other"}, f"attack.objective._target_ must build Objective, which {name}.Other does not"),
        ({"_target_": f"{name}.Nobody"}, f"attack.objective._target_ names {name}.Nobody, which does not exist"),
        ({"_target_": "nowhere.Mine"}, "names nowhere.Mine, which does not exist: there is no nowhere"),
    ):
        with pytest.raises(UserError, match=re.escape(said)):
            build_part(Objective, node, "attack.objective")


KINDS = """
from pytorch_lightning import Callback
from pytorch_lightning.loggers import CSVLogger
from naa_lightning.attacks import {bases}
from naa_lightning.data.digits import DigitsData
from naa_lightning.models.defences import BitDepth
from naa_lightning.models.python_model import PythonModel
"""
SEEN = "surrogate.mean=[0,0,0] surrogate.std=[1,1,1]"


@pytest.mark.parametrize(
    ("base", "key", "word"),
    [
        ("CrossEntropy", "attack.objective._target_", "attack=mim"),
        ("DiverseInput", "attack.transforms.diverse_input._target_", "attack=dim"),
        ("TranslationInvariant", "attack.smoothing._target_", "attack=tim"),
        ("Momentum", "attack.update_rule._target_", "attack=mim"),
        ("BitDepth", "defences.bit_depth._target_", "defences=[bit_depth]"),
        (
            "PythonModel",
            "surrogate._target_",
            f"surrogate=python surrogate.function={__file__}:KINDS surrogate.layer=a {SEEN}",
        ),
        ("DigitsData", "data._target_", "data=digits"),
        ("Callback", "+callbacks.own._target_", "callbacks=none"),
        ("CSVLogger", "logger.csv._target_", "logger=csv"),
    ],
)
def test_every_kind_of_part_may_be_ones_own(base: str, key: str, word: str, tmp_path: Path) -> None:
    name = f"own_{base.lower()}"
    bases = "CrossEntropy, DiverseInput, Momentum, TranslationInvariant"
    file = tmp_path / f"{name}.py"
    file.write_text(f"{KINDS.format(bases=bases)}\nclass Own({base}):\n    pass\n")
    before = list(sys.path)
    try:
        words = [
            "experiment=digits",
            *word.split(),
            f"{key}={name}.Own",
            f"trust=[{file}]",
            f"paths.run_dir={tmp_path}",
        ]
        experiment = compose_attack_run(composed(*words))
        run, attack = experiment.run, experiment.attack
        found: dict[str, Callable[[], object]] = {
            "CrossEntropy": lambda: attack.objective,
            "DiverseInput": lambda: attack.transforms[0],
            "TranslationInvariant": lambda: attack.smoothing,
            "Momentum": lambda: attack.update,
            "BitDepth": lambda: experiment.targets[1].defences["bit_depth"],
            "PythonModel": lambda: experiment.surrogate,
            "DigitsData": lambda: make_data(run.data),
            "Callback": lambda: make_all(Callback, run.callbacks, "callbacks")[0],
            "CSVLogger": lambda: make_all(Logger, run.logger, "logger")[0],
        }
        built = found[base]()
        assert (type(built).__module__, type(built).__name__) == (name, "Own")
    finally:
        sys.path[:] = before
        sys.modules.pop(name, None)


def test_what_fails_when_it_is_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_written.py").write_text("import not_there_either\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"x\._target_: half_written cannot be imported: No module named 'not_there"):
        build_part(Objective, {"_target_": "half_written.Mine"}, "x")


def test_nothing_of_this_project_is_run_to_see_what_it_gives(module: tuple[str, Path]) -> None:
    name, mark = module
    path = f"{mark.parent / name}.py"
    node = {"_target_": "naa_lightning.models.own_code.import_code", "function": f"{path}:Mine", "model": "x"}
    with pytest.raises(UserError, match=r"surrogate._target_ must build ModelSource, which naa_lightning\.models"):
        build_part(ModelSource, node, "surrogate")
    assert not mark.exists()


@pytest.mark.parametrize("path", ["pytorch_lightning.loggers.CSVLogger", "naa_lightning.callbacks.progress.nn"])
def test_a_part_of_another_kind_is_not_built(path: str) -> None:
    with pytest.raises(UserError, match=r"x\._target_ (must build|names)"):
        build_part(Callback, {"_target_": path}, "x")


def test_lightning_goes_by_either_name(tmp_path: Path) -> None:
    node = {"_target_": "lightning.pytorch.loggers.CSVLogger", "save_dir": str(tmp_path)}
    assert isinstance(build_part(Logger, trusted_values({"csv": node})["csv"], "logger.csv"), CSVLogger)


def test_a_network_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def build(width=2):\n"
        "    return nn.Sequential(nn.Conv2d(3, width, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
        "def number():\n    return 3\n"
        "def fails():\n    raise OSError('no weights here')\n"
    )

    def source(function: str, *more: str) -> ClassifierSource:
        words = [f"surrogate.function={function}", "surrogate.layer='0'", "surrogate.num_classes=5", *more]
        preset = ["experiment=digits", "surrogate=python", "targets=[]", "logger=[]"]
        (surrogate,) = compose_attack_run(composed(*preset, *words)).white_box
        return surrogate

    seen = ["surrogate.mean=[0.5,0.5,0.5]", "surrogate.std=[1,1,1]"]
    found = source(f"{tmp_path}/net.py:build", "+surrogate.kwargs.width=5", *seen)
    classifier = found.build()
    assert isinstance(classifier.network, nn.Module)
    assert (classifier.network[0].out_channels, classifier.mean.flatten().tolist()) == (5, [0.5] * 3)  # type: ignore[index]
    for function, more, said in (
        (f"{tmp_path}/net.py:build", ["surrogate.mean=null"], "mean and std must be given, of images in [0, 1]"),
        (f"{tmp_path}/nothing.py:build", seen, "there is no file"),
        (f"{tmp_path}/nothing.py:build", ["surrogate.weights=/nowhere.pth"], "there is no file"),
        (f"{tmp_path}/net.py:build", ["surrogate.weights=/nowhere.pth"], "there is no weights file /nowhere.pth"),
        (f"{tmp_path}/net.py", seen, "function must be package.module:name or path/to/file.py:name"),
        (f"{tmp_path}/net.py:number", seen, "must return a torch.nn.Module, it returns int"),
        (f"{tmp_path}/net.py:fails", seen, "fails: OSError: no weights here"),
    ):
        with pytest.raises(UserError, match=re.escape(said)):
            source(function, *seen, *more).build()
