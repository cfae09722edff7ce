"""Crafting under ordinary trainers, from ordinary data loaders."""

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from naa_lightning.attacks import Admix, Attack, Budget, CrossEntropy, Momentum
from naa_lightning.exceptions import DataError, UserError
from naa_lightning.models import Classifier, Ensemble
from naa_lightning.modules import AttackModule
from naa_lightning.modules.crafting import CraftedBatch
from naa_lightning.rng import SeededDraws
from tests.modules.cases import COUNT, IMAGES, LABELS, Dicts, attack, classifier, layer, pairs, trainer


def crafted(batches: Any) -> Tensor:
    return torch.cat([batch["adversarial"] for batch in batches])


def expected(surrogate: nn.Module, ids: list[int] | None = None) -> Tensor:
    """What the attack makes of all images at once."""
    model: Any = copy.deepcopy(surrogate)
    found = attack().craft(model, IMAGES, LABELS, SeededDraws(0, ids or list(range(COUNT)))).images
    return attack().budget.quantise(found, IMAGES).float() / 255


def assert_close(found: Tensor, reference: Tensor) -> None:
    """Equal but for what another batch size rounds."""
    assert ((found - reference).abs() < 1e-6).float().mean() > 0.99


@pytest.mark.parametrize("inference_mode", [True, False])
@pytest.mark.parametrize("num_workers", [0, 1])
@pytest.mark.parametrize("training", [True, False])
def test_the_classifier_stays_what_it_was_and_can_be_trained(
    inference_mode: bool, num_workers: int, training: bool
) -> None:
    surrogate = classifier().train(training)
    layer(surrogate, 0).bias.requires_grad_(False)
    before = copy.deepcopy(surrogate)
    module = AttackModule(surrogate, attack())
    batches = trainer(inference_mode=inference_mode).predict(module, pairs(num_workers=num_workers))
    assert_close(crafted(batches), expected(before))
    assert [type(part) for part in surrogate.modules()] == [type(part) for part in before.modules()]
    assert [part.training for part in surrogate.modules()] == [part.training for part in before.modules()]
    for (name, value), old in zip(surrogate.named_parameters(), before.parameters(), strict=True):
        assert torch.equal(value, old), name
        assert (value.requires_grad, value.stride()) == (old.requires_grad, old.stride()), name
        assert not value.is_inference(), name
    assert all(torch.equal(*both) for both in zip(surrogate.buffers(), before.buffers(), strict=True))
    optimizer = torch.optim.SGD(surrogate.parameters(), lr=0.1)
    F.cross_entropy(surrogate(IMAGES), LABELS).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert not torch.equal(layer(surrogate, 7).weight, layer(before, 7).weight)


def test_a_batch_says_what_it_is_and_what_it_cost() -> None:
    batches: Any = trainer().predict(AttackModule(classifier(), attack()), pairs())
    batch: CraftedBatch = batches[0]
    assert batch["adversarial"].dtype is torch.float32
    assert batch["adversarial"].shape == (2, 3, 12, 12)
    levels = batch["adversarial"] * 255
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
    assert (levels - (IMAGES[:2] * 255).round()).abs().max() <= 8.001
    assert 0 <= levels.min() <= levels.max() <= 255
    assert batch["label"].tolist() == LABELS[:2].tolist()
    assert int(batch["gradient_evaluations"]) == 3 + 2
    assert 0 < batch["preparation_seconds"] < batch["seconds"]
    assert set(batch["attribution"]) == {"positive_share", "participation", "gini", "attributed", "explained"}
    assert {values.shape for values in batch["attribution"].values()} == {(2,)}
    assert [each["id"].tolist() for each in batches] == [[0, 1], [2, 3], [4]]


def test_each_pass_counts_rows_anew_and_ids_decide_the_draws() -> None:
    module = AttackModule(classifier(), attack())
    first: Any = trainer().predict(module, pairs())
    second: Any = trainer().predict(module, [pairs(), pairs()])
    for batches in second:
        assert [batch["id"].tolist() for batch in batches] == [[0, 1], [2, 3], [4]]
        assert torch.equal(crafted(batches), crafted(first))
    named = Dicts(pixel_values=IMAGES, labels=LABELS, ids=torch.arange(COUNT) + 100)
    third: Any = trainer().predict(module, DataLoader(named, batch_size=2))
    assert [batch["id"].tolist() for batch in third] == [[100, 101], [102, 103], [104]]
    assert not torch.equal(crafted(third), crafted(first))
    assert_close(crafted(third), expected(classifier(), list(range(100, 105))))


def test_a_later_pass_knows_of_other_weights() -> None:
    surrogate = classifier()
    module = AttackModule(surrogate, attack())
    before: Any = trainer().predict(module, pairs())
    with torch.no_grad():
        layer(surrogate, 4).weight.mul_(3)
        layer(surrogate, 7).bias.add_(torch.arange(4.0))
    after: Any = trainer().predict(module, pairs())
    fresh: Any = trainer().predict(AttackModule(copy.deepcopy(surrogate), attack()), pairs())
    for found, reference in zip(after, fresh, strict=True):
        torch.testing.assert_close(found["attribution"], reference["attribution"], rtol=0, atol=0)
    assert not torch.equal(after[0]["attribution"]["explained"], before[0]["attribution"]["explained"])


def test_the_full_batch_is_each_loaders_and_each_passes_own() -> None:
    module = AttackModule(classifier(), attack())
    for sizes in ((2, COUNT), (COUNT, 2)):
        batches: Any = trainer().predict(module, [pairs(batch_size=size) for size in sizes])
        for size, of_loader in zip(sizes, batches, strict=True):
            alone = AttackModule(classifier(), attack(), batch_size=size)
            assert torch.equal(crafted(of_loader), crafted(trainer().predict(alone, pairs(batch_size=size))))


def test_the_last_batch_is_crafted_as_if_it_were_full() -> None:
    """So that an image's bytes do not depend on how many come with it."""
    module = AttackModule(classifier(), attack())
    alone = AttackModule(classifier(), attack(), batch_size=2)
    last: Any = trainer().predict(module, pairs())
    whole = Dicts(image=IMAGES[4:], label=LABELS[4:], id=torch.tensor([4]))
    (batch,) = DataLoader([whole[0]], batch_size=2)  # type: ignore[arg-type]
    assert torch.equal(alone.predict_step(batch, 0)["adversarial"], last[-1]["adversarial"])


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed"])
def test_other_precisions_give_images_within_the_budget(precision: Any) -> None:
    images = IMAGES.double() if precision == "64-true" else IMAGES
    batches: Any = trainer(precision=precision).predict(AttackModule(classifier(), attack()), pairs(images))
    change = (crafted(batches) * 255 - (IMAGES * 255).round()).abs()
    assert crafted(batches).dtype is torch.float32
    assert 4 < change.max() <= 8.001


def test_an_ensemble_is_taken_too() -> None:
    both = Ensemble([classifier(), classifier()])
    assert_close(crafted(trainer().predict(AttackModule(both, attack()), pairs())), expected(both))


def test_images_are_mixed_with_those_of_their_batch_where_there_is_no_pool() -> None:
    mixing = Attack(objective=CrossEntropy(), update=Momentum(), budget=Budget(steps=2), transforms=[Admix()])
    batches: Any = trainer().predict(AttackModule(classifier(), mixing), pairs(batch_size=COUNT))
    draws = SeededDraws(0, range(COUNT), list(IMAGES))
    found = mixing.craft(classifier(), IMAGES, LABELS, draws).images
    assert torch.equal((crafted(batches) * 255).round(), mixing.budget.quantise(found, IMAGES).float())
    pool = list(IMAGES[:1])
    batches = trainer().predict(AttackModule(classifier(), mixing, pool=pool), pairs(batch_size=COUNT))
    assert not torch.equal((crafted(batches) * 255).round(), mixing.budget.quantise(found, IMAGES).float())


def test_a_targeted_attack_moves_towards_target_classes_and_asks_for_them() -> None:
    aimed = (LABELS + 1) % 4
    module = AttackModule(classifier(), attack(targeted=True))
    with pytest.raises(DataError, match="a targeted attack needs a target class for every image: give batches"):
        trainer().predict(module, pairs())
    data = DataLoader(Dicts(image=IMAGES, label=LABELS, target_class=aimed), batch_size=COUNT)
    batches: Any = trainer().predict(module, data)
    draws = SeededDraws(0, range(COUNT))
    found = attack(targeted=True).craft(classifier(), IMAGES, aimed, draws).images
    assert torch.equal((batches[0]["adversarial"] * 255).round(), attack().budget.quantise(found, IMAGES).float())


@pytest.mark.parametrize("loader", [DataLoader(TensorDataset(IMAGES)), DataLoader([{"x": 1}])])  # type: ignore[arg-type]
def test_a_batch_of_no_use_is_refused(loader: Any) -> None:
    with pytest.raises(DataError, match=r"^a batch must be \(images, labels\)"):
        trainer().predict(AttackModule(classifier(), attack()), loader)


class Breaking(nn.Module):
    """A layer that fails when gradients are wanted."""

    def forward(self, values: Tensor) -> Tensor:
        if values.requires_grad:
            raise RuntimeError("no gradient through me")
        return values


def test_a_failure_leaves_the_classifier_usable() -> None:
    surrogate = classifier()
    surrogate.network.append(Breaking())  # type: ignore[operator]
    with pytest.raises(RuntimeError, match="no gradient through me"):
        trainer().predict(AttackModule(surrogate, attack()), pairs())
    assert all(value.requires_grad and not value.is_inference() for value in surrogate.parameters())
    Classifier(surrogate.network[:-1], mean=[0.5] * 3, std=[0.25] * 3)(IMAGES).sum().backward()  # type: ignore[index]


def test_a_checkpoint_gives_weights_and_numbers_back(tmp_path: Path) -> None:
    surrogate = classifier()
    module = AttackModule(surrogate, attack(), seed=7)
    assert dict(module.hparams) == {"attack_setting": repr(module.attack), "seed": 7, "batch_size": None}
    fitter = trainer()
    batches = fitter.predict(module, pairs())
    fitter.save_checkpoint(tmp_path / "attack.ckpt")
    assert torch.load(tmp_path / "attack.ckpt", weights_only=True)["hyper_parameters"]["seed"] == 7
    other = classifier()
    nn.init.zeros_(layer(other, 7).weight)
    again = AttackModule.load_from_checkpoint(tmp_path / "attack.ckpt", surrogate=other, attack=attack())
    assert again.seed == 7
    assert torch.equal(crafted(trainer().predict(again, pairs())), crafted(batches))


def test_two_processes_deal_rows_in_turns(tmp_path: Path) -> None:
    """As Lightning's sampler does for predicting."""
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    root = Path(__file__).parents[2]
    command, path = [sys.executable, str(script), str(tmp_path)], {**os.environ, "PYTHONPATH": str(root)}
    finished = subprocess.run(command, cwd=root, env=path, capture_output=True, check=False)
    assert finished.returncode == 0, finished.stderr.decode()[-2000:]
    alone: Any = trainer().predict(AttackModule(classifier(), attack()), pairs())
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        ids = [number for batch in found for number in batch["id"].tolist()]
        assert ids == list(range(rank, COUNT, 2))
        assert_close(crafted(found), crafted(alone)[ids])


TWO_PROCESSES = """
import sys
import torch
from pytorch_lightning import Callback
from naa_lightning.modules import AttackModule
from tests.modules.cases import attack, classifier, pairs, trainer


class Keep(Callback):
    def __init__(self):
        self.batches = []

    def on_predict_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        self.batches.append(outputs)

    def on_predict_end(self, trainer, pl_module):
        torch.save(self.batches, f"{sys.argv[1]}/{trainer.global_rank}.pt")


if __name__ == "__main__":
    two = trainer(strategy="ddp_fork", devices=2, callbacks=[Keep()])
    two.predict(AttackModule(classifier(), attack()), pairs(), return_predictions=False)
"""


@pytest.mark.parametrize("precision", ["16-true", "bf16-true"])
def test_true_half_precision_is_refused_before_anything_is_touched(precision: Any) -> None:
    surrogate = classifier()
    half = Trainer(precision=precision, accelerator="cpu", logger=False, enable_checkpointing=False)
    with pytest.raises(UserError) as error:
        half.predict(AttackModule(surrogate, attack()), pairs())
    remedy = precision.replace("true", "mixed")
    assert str(error.value) == (
        f"`precision={precision}` would round the images themselves, by as much as attacks change them: use "
        f"`precision={remedy}`"
    )
    assert {value.dtype for value in surrogate.parameters()} == {torch.float32}
