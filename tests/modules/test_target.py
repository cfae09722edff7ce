"""Asking anyone's network under ordinary trainers."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms.functional import normalize

from naa_lightning.exceptions import UserError
from naa_lightning.models import Classifier
from naa_lightning.models.defences import BitDepth, Gaussian, RandomResizePad
from naa_lightning.modules import TargetModule
from tests.modules.cases import COUNT, IMAGES, LABELS, Dicts, classifier, layer, pairs, trainer


class Remembering(nn.Module):
    """Keeps a tensor of its first pass, as networks keep positional embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.kept: Tensor | None = None

    def forward(self, images: Tensor) -> Tensor:
        if self.kept is None:
            self.kept = torch.ones(1, 3) + images.new_zeros(())
        logits: Tensor = self.linear(images.mean((2, 3)) * self.kept)
        return logits


@pytest.mark.parametrize("inference_mode", [True, False])
@pytest.mark.parametrize("num_workers", [0, 1])
def test_predictions_are_those_of_the_network(inference_mode: bool, num_workers: int) -> None:
    model = Remembering()
    loader = pairs(num_workers=num_workers)
    batches: Any = trainer(inference_mode=inference_mode).predict(TargetModule(model), loader)
    logits = model(IMAGES)
    for name, expected in (
        ("id", torch.arange(COUNT)),
        ("label", LABELS),
        ("class", logits.argmax(1)),
        ("confidence", logits.softmax(1).amax(1)),
    ):
        torch.testing.assert_close(torch.cat([batch[name] for batch in batches]), expected.detach())
    logits.sum().backward()  # what it has kept of the trainer's passes does not hinder gradients
    assert model.linear.weight.grad is not None


def test_defences_stand_in_front_and_draw_by_image() -> None:
    model = classifier().eval()
    plain: Any = trainer().predict(TargetModule(model, defences=[BitDepth(bits=2)]), pairs(batch_size=COUNT))
    coarse = (IMAGES * 3).round() / 3
    assert torch.equal(plain[0]["class"], model(coarse).argmax(1))
    random = TargetModule(model, defences=[RandomResizePad(repeats=3)], seed=1)
    drawn: Any = trainer().predict(random, pairs())
    assert [batch["class"].shape for batch in drawn] == [(2, 3), (2, 3), (1, 3)]
    both = random.predict_step({"clean": IMAGES, "adversarial": IMAGES, "id": torch.arange(COUNT)}, 0)
    for kind in ("class", "confidence"):
        found = torch.cat([batch[kind] for batch in drawn])
        torch.testing.assert_close(both[f"clean_{kind}"], found)  # type: ignore[literal-required]
        assert torch.equal(both[f"adversarial_{kind}"], both[f"clean_{kind}"])  # type: ignore[literal-required]
    assert len({tuple(column.tolist()) for column in both["clean_confidence"].T}) > 1  # type: ignore[typeddict-item]


NO_LOGITS = "mine: expected a network that returns logits of shape (B, K), alone, as `logits` tensor of shape ("


@pytest.mark.parametrize(
    ("network", "num_classes", "message"),
    [
        (nn.Flatten(), 10, "mine gives logits of shape (2, 432), expected (2, 10): "),
        (
            nn.Identity(),
            None,
            "mine: expected a network that returns logits of shape (B, K), alone, as `logits`",
        ),
        (
            nn.Flatten(0),
            None,
            "mine: expected a network that returns logits of shape (B, K), alone, as `logits`",
        ),
    ],
)
def test_other_answers_than_logits_are_refused(network: nn.Module, num_classes: int | None, message: str) -> None:
    with pytest.raises(UserError) as error:
        trainer().predict(TargetModule(network, name="mine", num_classes=num_classes), pairs())
    assert str(error.value).startswith(message)


class Background(nn.Module):
    """Gives one class more, or features before it."""

    def __init__(self, *, alone: bool) -> None:
        super().__init__()
        self.alone = alone

    def forward(self, images: Tensor) -> Any:
        scores = images.mean((2, 3))
        return scores if self.alone else (scores.repeat(1, 4), scores)


@pytest.mark.parametrize(
    ("network", "remedy"),
    [
        (Background(alone=True), "set `first_class=1` if the first is a background class, or correct `num_classes`"),
        (Background(alone=False), "name another output in `output`, or correct `num_classes`"),
    ],
)
def test_a_classifier_is_asked_what_else_it_may_give(network: nn.Module, remedy: str) -> None:
    """A network of two images at a time; one that has no such options is left to its number of classes."""
    model = Classifier(network, value_range=[0, 1], batch_size=2)
    for asked, said in ((model, remedy), (nn.Sequential(model), "correct `num_classes`")):
        with pytest.raises(UserError, match=rf"mine gives logits of shape .*, expected \(\d, 2\): {said}$"):
            trainer().predict(TargetModule(asked, name="mine", num_classes=2), pairs())
    narrow = Classifier(Background(alone=True), value_range=[0, 1], first_class=1)
    with pytest.raises(UserError, match=r"expected \(\d, 1\): correct `num_classes`$"):
        trainer().predict(TargetModule(narrow, name="mine", num_classes=1), pairs())


def test_dicts_are_taken_and_other_batches_refused() -> None:
    named = DataLoader(Dicts(images=IMAGES, labels=LABELS, ids=torch.arange(COUNT) * 3), batch_size=COUNT)
    batches: Any = trainer().predict(TargetModule(classifier()), named)
    assert batches[0]["id"].tolist() == [0, 3, 6, 9, 12]
    with pytest.raises(UserError, match="a batch must be"):
        trainer().predict(TargetModule(classifier()), DataLoader(Dicts(clean=IMAGES, id=LABELS)))


def test_a_checkpoint_gives_weights_and_numbers_back(tmp_path: Path) -> None:
    module = TargetModule(classifier(), name="mine", defences=[Gaussian()], num_classes=4, seed=3)
    assert dict(module.hparams) == {"name": "mine", "behind": ["Gaussian"], "num_classes": 4, "seed": 3}
    fitter = trainer()
    batches: Any = fitter.predict(module, pairs())
    fitter.save_checkpoint(tmp_path / "target.ckpt")
    other = classifier()
    nn.init.zeros_(layer(other, 7).weight)
    again = TargetModule.load_from_checkpoint(tmp_path / "target.ckpt", model=other, defences=[Gaussian()])
    assert (again.name, again.num_classes, again.seed) == ("mine", 4, 3)
    found: Any = trainer().predict(again, pairs())
    assert all(torch.equal(one["confidence"], two["confidence"]) for one, two in zip(found, batches, strict=True))


def test_a_network_of_timm_gets_the_images_that_it_expects() -> None:
    network: Any = timm.create_model("test_resnet.r160_in1k").eval()
    images = torch.rand(2, 3, 160, 160)
    loader = DataLoader(TensorDataset(images, torch.tensor([0, 1])), batch_size=2)
    batches: Any = trainer().predict(TargetModule(network), loader)
    cfg = network.pretrained_cfg
    expected = network(normalize(images, cfg["mean"], cfg["std"])).softmax(1).amax(1)
    torch.testing.assert_close(batches[0]["confidence"], expected)
    assert not torch.allclose(network(images).softmax(1).amax(1), expected), "the test tells them apart"
