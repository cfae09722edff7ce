import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from naa_lightning.exceptions import UserError
from naa_lightning.models.black_box.callable_model import CallableModel

IMAGES = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
CODE = """
from dataclasses import dataclass
import torch
from torch import nn

seen = []
created = 0

def means(images):
    seen.append((images.dtype, images.requires_grad, torch.is_grad_enabled()))
    return images.mean((2, 3))

def scaled(images, factor, shift=0.0):
    return (images.mean((2, 3)) * factor + shift).numpy()

def listed(images):
    return images.mean((2, 3)).tolist()

def probabilities(images):
    return images.mean((2, 3)).softmax(1)

def changing(images):
    images.zero_()
    return torch.zeros(len(images), 3)

def differentiating(images):
    with torch.enable_grad():
        return images.requires_grad_().mean((2, 3))

@dataclass
class Scaled:
    factor: float

    def __post_init__(self):
        global created
        created += 1

    def __call__(self, images):
        return images.mean((2, 3)) * self.factor

class Network(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))
        self.drop = nn.Dropout(0.5)

    def forward(self, images, shift=0.0):
        return self.drop(images.mean((2, 3)) * self.factor + shift)

network = Network(3.0)

class Refusing:
    def __init__(self):
        raise RuntimeError("no weights\\nand more")

class Mute:
    pass

table = {}

def failing(images):
    raise KeyError("weights")

def leaving(images):
    raise SystemExit(3)

def misshapen(images):
    return torch.zeros(len(images), 10)

def shortened(images):
    return torch.zeros(1, 3)

def worded(images):
    return "cat"
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "apart" / "my models.py"
    path.parent.mkdir()
    path.write_text(CODE)
    return str(path)


def source(function: str, **settings: Any) -> CallableModel:
    return CallableModel(name="mine", function=function, **({"num_classes": 3} | settings))


@pytest.mark.parametrize(
    ("function", "kwargs", "factor", "shift"),
    [
        ("means", {}, 1, 0),
        ("scaled", {"factor": 2}, 2, 0),
        ("scaled", {"factor": 2, "shift": 0.5}, 2, 0.5),
        ("listed", {}, 1, 0),
        ("Scaled", {"factor": 2}, 2, 0),
        ("Network", {"factor": 2.0}, 2, 0),
        ("network", {}, 3, 0),
        ("network", {"shift": 0.5}, 3, 0.5),
        ("differentiating", {}, 1, 0),
    ],
)
def test_callables_of_every_form_are_asked(
    file: str, function: str, kwargs: dict[str, Any], factor: float, shift: float
) -> None:
    model = source(f"{file}:{function}", kwargs=kwargs).build()
    assert not any(module.training for module in model.modules())
    for images in (IMAGES, IMAGES[:1]):
        logits = model(images)
        assert (logits.dtype, logits.requires_grad) == (torch.float32, False)
        torch.testing.assert_close(logits, images.mean((2, 3)) * factor + shift)


@pytest.mark.parametrize("element", [torch.float16, torch.float32, torch.float64])
def test_it_gets_single_precision_without_gradients(file: str, element: torch.dtype) -> None:
    model = source(f"{file}:means").build()
    model(IMAGES.to(element).requires_grad_())
    assert vars(model.network)["function"].__globals__["seen"] == [(torch.float32, False, False)]


def test_a_class_is_instantiated_once(file: str) -> None:
    model = source(f"{file}:Scaled", kwargs={"factor": 2}).build()
    for _ in range(2):
        model(IMAGES)
    assert sys.modules[type(vars(model.network)["function"]).__module__].created == 1


def test_a_module_of_torch_moves_with_the_model(file: str) -> None:
    for function, kwargs in (("Network", {"factor": 2.0}), ("network", {})):
        model = source(f"{file}:{function}", kwargs=kwargs).build().to(torch.float64)
        assert [parameter.dtype for parameter in model.parameters()] == [torch.float64]


def test_the_images_stay_as_they_are(file: str) -> None:
    images = IMAGES.clone()
    source(f"{file}:changing").build()(images)
    assert torch.equal(images, IMAGES)


def test_probabilities_become_their_logarithms(file: str) -> None:
    logits = source(f"{file}:probabilities", gives="probabilities").build()(IMAGES)
    torch.testing.assert_close(logits, IMAGES.mean((2, 3)).log_softmax(1))


def test_a_background_class_is_left_out(file: str) -> None:
    logits = source(f"{file}:means", num_classes=2, first_class=1).build()(IMAGES)
    torch.testing.assert_close(logits, IMAGES.mean((2, 3))[:, 1:])


def test_a_files_folder_is_not_put_on_the_path(file: str) -> None:
    before = list(sys.path)
    source(f"{file}:means").build()
    assert sys.path == before


def test_files_of_one_name_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    models = []
    for number in (1, 2):
        path = tmp_path / str(number) / "torch.py"
        path.parent.mkdir()
        path.write_text(f"NUMBER = {number}\ndef constant(images):\n    return [[NUMBER] * 3] * len(images)\n")
        models.append(source(f"{path}:constant").build())
    assert [model(IMAGES)[0, 0].item() for model in models] == [1, 2]
    functions = [vars(model.network)["function"] for model in models]
    assert [sys.modules[function.__module__].NUMBER for function in functions] == [1, 2]
    assert sys.modules["torch"] is torch


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package on the path, whose module leaves a trace when it runs."""
    folder = tmp_path / "installed" / "some_package_of_mine"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "models.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n{CODE}")
    (folder / "broken.py").write_text("def predict(images:\n")
    monkeypatch.syspath_prepend(folder.parent)
    return folder.name


def test_modules_are_found_without_running_them(package: str, tmp_path: Path) -> None:
    described = source(f"{package}.models:scaled", kwargs={"factor": 2})
    described.check()
    assert not (tmp_path / "ran").exists()
    torch.testing.assert_close(described.build()(IMAGES), IMAGES.mean((2, 3)) * 2)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("method", ["check", "build"])
@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("no/such/file.py:predict", r"mine: there is no file no/such/file\.py; correct `function`"),
        ("no_such_module_at_all:predict", "mine: there is no module no_such_module_at_all; correct `function`"),
        (
            "no_such_package.module:predict",
            "mine: the module no_such_package.module cannot be found: Mod.*",
        ),
        ("json.no_such_module:predict", "mine: there is no module json.no_such_module; correct `function`"),
        ("json.decoder.deeper:predict", "mine: the module json.decoder.deeper cannot be found"),
    ],
)
def test_missing_code_is_told(function: str, message: str, method: str) -> None:
    with pytest.raises(UserError, match=message):
        getattr(source(function), method)()


@pytest.mark.parametrize(
    ("function", "kwargs", "message"),
    [
        ("predict", {}, r"there is no predict in .*my models\.py; correct `function`"),
        ("table", {}, r".*my models\.py:table is dict, which cannot be called"),
        ("Mute", {}, r".*my models\.py:Mute is Mute, which cannot be called"),
        ("Refusing", {}, r"Refusing of .*my models\.py cannot be created: RuntimeError: no weights\Z"),
        ("Scaled", {"factors": 2}, r"Scaled of .*my models\.py cannot be created: TypeError: .*'factors'"),
    ],
)
def test_what_cannot_be_called_is_told(file: str, function: str, kwargs: dict[str, Any], message: str) -> None:
    described = source(f"{file}:{function}", kwargs=kwargs)
    described.check()
    with pytest.raises(UserError, match=rf"\Amine: {message}"):
        described.build()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def predict(images:\n", r"SyntaxError: .*my_code\.py, line 1"),
        ("import no_such_module_at_all\n", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("raise SystemExit('needs a file')\n", "SystemExit: needs a file"),
        ("assert False\n", r"AssertionError\Z"),
    ],
)
def test_code_that_cannot_be_imported_is_told(code: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "my_code.py"
    path.write_text(code)
    before = set(sys.modules)
    with pytest.raises(UserError, match=rf"\Amine: .*my_code\.py cannot be imported: {message}"):
        source(f"{path}:predict").build()
    assert set(sys.modules) == before


def test_a_module_that_cannot_be_imported_is_told(package: str) -> None:
    with pytest.raises(UserError, match=rf"mine: {package}\.broken cannot be imported: SyntaxError"):
        source(f"{package}.broken:predict").build()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("failing", "mine fails when asked about images: KeyError: 'weights'"),
        ("leaving", "mine fails when asked about images: SystemExit: 3"),
        ("scaled", "mine fails when asked about images: TypeError: .*'factor'"),
        ("misshapen", "mine gives 10 classes, but num_classes is 3"),
        ("shortened", r"mine gives \(1, 3\) numbers for 4 images, expected \(4, 3\)"),
        ("worded", "mine gives str, expected numbers"),
    ],
)
def test_what_goes_wrong_when_asked_is_told(file: str, function: str, message: str) -> None:
    model = source(f"{file}:{function}").build()
    with pytest.raises(UserError, match=rf"\A{message}") as error:
        model(IMAGES)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("function", ["predict", "file.py", "file.py:", ":predict", "file.py:a b", "file.py:a.b"])
def test_what_names_no_function_is_refused(function: str) -> None:
    with pytest.raises(ValueError, match=r"function must be package\.module:name or path/to/file\.py:name, got"):
        source(function)


def test_what_it_gives_is_checked() -> None:
    with pytest.raises(ValueError, match="gives must be one of logits, probabilities, got 'classes'"):
        source("file.py:predict", gives="classes")
