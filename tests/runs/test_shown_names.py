from collections.abc import Sequence

import pytest

from naa_lightning.class_names import imagenet_names
from naa_lightning.models import ClassifierSource, ModelSource
from naa_lightning.models.black_box.torchscript_model import TorchScriptModel
from naa_lightning.models.timm_model import TimmModel
from naa_lightning.runs.shown_names import shown_class_names


def network(classes: int = 1000, names: Sequence[str] | None = None) -> ClassifierSource:
    return TimmModel(name="net", architecture="resnet18", num_classes=classes, classes=names)


def black_box(classes: int = 1000) -> ModelSource:
    return TorchScriptModel(name="box", path="net.pt", num_classes=classes, value_range=[0, 1])


@pytest.mark.parametrize(
    ("of_data", "sources", "shown"),
    [
        (["a", "b"], [network(), network(2, ["c", "d"])], ["a", "b"]),
        (["a", "a"], [network(2)], ["a (0)", "a (1)"]),
        (None, [network(2), network(2, ["c", "d"]), network(2, ["e", "f"])], ["c", "d"]),
        (None, [network(2, ["c", "c"])], ["c (0)", "c (1)"]),
        (None, [network(2), black_box(2)], None),
        (None, [network(), network(10)], None),
        (None, [network(), black_box(1001)], None),
        (None, [], None),
        (None, [network(), black_box()], "ImageNet's"),
    ],
)
def test_names_are_those_that_the_data_or_else_a_model_tells(
    of_data: list[str] | None, sources: list[ModelSource], shown: list[str] | str | None
) -> None:
    expected = imagenet_names() if shown == "ImageNet's" else shown
    assert shown_class_names(of_data, sources) == expected
