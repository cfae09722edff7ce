from itertools import chain
from pathlib import Path

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer

from naa_lightning.data import Batch, ImageRecord, LabelledImages, TrainableData, check_trainable
from naa_lightning.exceptions import UserError


def black(record: ImageRecord) -> torch.Tensor:
    return torch.zeros(3, 2, 2, dtype=torch.uint8)


def images(first: int, labels: list[int]) -> LabelledImages:
    return LabelledImages([ImageRecord(first + i, f"{first + i}.png", label) for i, label in enumerate(labels)], black)


class Counted(TrainableData):
    """As many images as it is told: 100 and on for validation, 200 and on to be attacked."""

    def __init__(
        self, train: int = 20, held_out: int = 7, *, seed: int = 0, batch_size: int = 6, num_workers: int = 0
    ) -> None:
        super().__init__(seed=seed, name="counted", batch_size=batch_size, num_workers=num_workers, limit=5)
        self.labels = [0] * train
        self.held_out = [0] * held_out
        self.setup("fit")

    def load(self) -> LabelledImages:
        return images(200, [0] * 11)

    def training_images(self) -> LabelledImages:
        return images(0, self.labels)

    def validation_images(self) -> LabelledImages:
        return images(100, self.held_out)


def epochs(data: TrainableData, *numbers: int) -> list[list[list[int]]]:
    """The ids in the batches of these epochs, read one after the other from one loader."""
    loader = data.train_dataloader()
    seen = []
    for number in numbers:
        loader.sampler.set_epoch(number)  # type: ignore[attr-defined]
        seen.append([batch["id"].tolist() for batch in loader])
    return seen


def ids(batches: list[list[int]]) -> list[int]:
    return list(chain.from_iterable(batches))


def ranks(world_size: int, **options: int) -> list[Counted]:
    shares = [Counted(**options) for _ in range(world_size)]
    for rank, data in enumerate(shares):
        data.share(rank, world_size)
    return shares


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_epochs_order_depends_on_seed_and_epoch_alone(num_workers: int) -> None:
    first, second, third = epochs(Counted(num_workers=num_workers), 0, 1, 2)
    assert first != second != third != first
    assert epochs(Counted(), 2, 2, 0) == [third, third, first]
    torch.manual_seed(5)
    assert epochs(Counted(), 2) == [third]
    assert epochs(Counted(seed=7), 2) != [third]


def test_every_image_is_seen_once_and_incomplete_batches_are_dropped() -> None:
    (whole,) = epochs(Counted(18), 0)
    assert sorted(ids(whole)) == list(range(18))
    assert ids(whole) != sorted(ids(whole))
    (dropped,) = epochs(Counted(23), 0)
    assert [len(batch) for batch in dropped] == [6, 6, 6]
    assert len(set(ids(dropped))) == 18


def test_fewer_images_than_a_batch_are_one_batch() -> None:
    (alone,) = epochs(Counted(5), 0)
    assert [sorted(batch) for batch in alone] == [list(range(5))]
    shares = [epochs(data, 0)[0] for data in ranks(2, train=5)]
    assert [[len(batch) for batch in share] for share in shares] == [[2], [2]]
    assert len({*ids(shares[0]), *ids(shares[1])}) == 4


@pytest.mark.parametrize("world_size", [2, 3])
@pytest.mark.parametrize("train", [18, 20, 23])
def test_processes_share_every_batch(world_size: int, train: int) -> None:
    alone = epochs(Counted(train), 0, 1)
    together = [epochs(data, 0, 1) for data in ranks(world_size, train=train)]
    for epoch in (0, 1):
        shares = [share[epoch] for share in together]
        assert {len(batch) for share in shares for batch in share} == {6 // world_size}
        united = [sorted(ids(list(parts))) for parts in zip(*shares, strict=True)]
        assert united == [sorted(batch) for batch in alone[epoch]]


def test_other_images_are_mixed_and_dealt_in_turn() -> None:
    def dealt(data: Counted) -> list[list[int]]:
        loaders = (data.val_dataloader(), data.test_dataloader())
        return [[image for batch in loader for image in batch["id"].tolist()] for loader in loaders]

    alone = dealt(Counted())
    assert [sorted(images) for images in alone] == [[*range(100, 107)], [*range(200, 205)]]
    assert alone[0] != sorted(alone[0])
    assert dealt(Counted()) == alone
    shares = [dealt(data) for data in ranks(3)]
    assert shares == [[images[rank::3] for images in alone] for rank in range(3)]
    assert [len(batch["id"]) for batch in ranks(3)[0].val_dataloader()] == [2, 1]


def test_a_batch_that_cannot_be_dealt_is_refused() -> None:
    with pytest.raises(UserError, match=r"^`batch_size=6` cannot be dealt to 4 processes.*`batch_size=8`$"):
        Counted().share(0, 4)


def test_a_process_without_images_is_refused() -> None:
    data = ranks(3, train=2, held_out=2)[0]
    with pytest.raises(UserError, match="counted has 2 training images for 3 processes"):
        data.train_dataloader()
    with pytest.raises(UserError, match="counted has 2 validation images for 3 processes"):
        data.val_dataloader()
    with pytest.raises(UserError, match="counted has 0 validation images for 1 process;"):
        Counted(held_out=0).val_dataloader()


def test_workers_stay_between_epochs() -> None:
    assert Counted(num_workers=1).train_dataloader().persistent_workers
    assert not Counted().train_dataloader().persistent_workers


@pytest.mark.parametrize("seed", [-1, 0.5])
def test_a_seed_out_of_range(seed: int) -> None:
    with pytest.raises(ValueError, match=r"seed must be an integer of at least 0"):
        Counted(seed=seed)


class Seen(LightningModule):
    """Trains one number and notes the ids of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.number = torch.nn.Parameter(torch.zeros(()))
        self.epochs: dict[int, list[int]] = {}

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        self.epochs.setdefault(self.current_epoch, []).extend(batch["id"].tolist())
        return self.number**2

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD([self.number], lr=0.1)


def trainer(folder: Path, max_epochs: int) -> Trainer:
    return Trainer(
        max_epochs=max_epochs,
        accelerator="cpu",
        devices=1,
        logger=False,
        default_root_dir=folder,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )


@pytest.mark.filterwarnings("ignore:You defined a `validation_step`", "ignore:.*no `val_dataloader`")
def test_a_resumed_training_sees_what_an_uninterrupted_one_sees(tmp_path: Path) -> None:
    whole, begun, resumed = Seen(), Seen(), Seen()
    trainer(tmp_path, 3).fit(whole, datamodule=Counted())
    first = trainer(tmp_path, 1)
    first.fit(begun, datamodule=Counted())
    first.save_checkpoint(tmp_path / "begun.ckpt")
    trainer(tmp_path, 3).fit(resumed, datamodule=Counted(), ckpt_path=tmp_path / "begun.ckpt", weights_only=False)
    assert set(resumed.epochs) == {1, 2}
    assert begun.epochs | resumed.epochs == whole.epochs
    assert [whole.epochs[epoch] for epoch in range(3)] == [ids(batches) for batches in epochs(Counted(), 0, 1, 2)]


@pytest.mark.parametrize(
    ("labels", "names", "num_classes", "message"),
    [
        ([0, 1, 2], None, 2, r"class counts differ: counted has 3 classes .* m tells 2 apart; .*num_classes=3`$"),
        ([0, 1, 2], None, 4, r"class counts differ: .*num_classes=3`, or add images of class 3$"),
        ([0, 1, 2], ["a", "b", "c"], 4, r"class counts differ: .*`num_classes=3`$"),
        ([0, 2], None, 3, r"counted has no training image of class 1, one of its 3 classes; add some"),
        ([0, 2], None, 2, r"counted has no training image of class 1, one of its 3 classes"),
        ([0, 1], ["cat", "dog", "eel"], 3, r"counted has no training image of eel \(2\)"),
        ([], ["cat", "dog"], 2, r"counted has no training image of cat \(0\)"),
    ],
)
def test_training_images_must_be_of_the_models_classes(
    labels: list[int], names: list[str] | None, num_classes: int, message: str
) -> None:
    data = Counted()
    data.labels, data.class_names = labels, names
    with pytest.raises(UserError, match=message):
        check_trainable(data, num_classes, "m")


def test_the_number_of_classes_that_data_tell_counts() -> None:
    data = Counted()
    data.labels, data.num_classes = [0, 1, 2], 3
    check_trainable(data, 3, "m")
    data.num_classes = 4
    with pytest.raises(UserError, match="no training image of class 3, one of its 4 classes"):
        check_trainable(data, 3, "m")


def test_validation_images_must_be_of_the_models_classes() -> None:
    data = Counted()
    data.labels, data.held_out = [0, 1], [0, 1, 1]
    check_trainable(data, 2, "m")
    data.held_out = [0, 2]
    with pytest.raises(UserError, match=r"101\.png has the label 2, .* 2 classes permit 0 to 1"):
        check_trainable(data, 2, "m")


def test_a_restricted_training_sees_the_same_few_batches_in_every_epoch() -> None:
    data = Counted(train=40, held_out=20)
    data.restrict(2)
    first, second = epochs(data, 0, 1)
    assert [len(batch) for batch in first] == [6, 6]
    assert set(ids(first)) == set(ids(second)) <= set(range(40))
    assert first != second
    validated = ids([batch["id"].tolist() for batch in data.val_dataloader()])
    assert len(set(validated)) == len(validated) == 12
    assert set(validated) <= set(range(100, 120))
    assert len(data.test_dataloader().dataset) == 5  # type: ignore[arg-type]  # the limit alone counts there


def test_a_training_may_be_validated_on_what_it_learns() -> None:
    data = Counted(train=40)
    data.restrict(1, validate_on_training=True)
    trained = ids(epochs(data, 0)[0])
    validated = ids([batch["id"].tolist() for batch in data.val_dataloader()])
    assert sorted(validated) == sorted(trained)
    data.restrict(None)
    assert len(ids(epochs(data, 0)[0])) == 36
    assert len(data.val_dataloader().dataset) == 7  # type: ignore[arg-type]


def test_ranks_share_the_same_few_batches() -> None:
    alone, *shares = Counted(train=40), *ranks(2, train=40)
    for data in (alone, *shares):
        data.restrict(2)
    assert sorted(ids(epochs(shares[0], 0)[0]) + ids(epochs(shares[1], 0)[0])) == sorted(ids(epochs(alone, 0)[0]))
