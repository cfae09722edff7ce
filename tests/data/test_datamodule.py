import inspect
import traceback
from pathlib import Path
from typing import Any

import hydra
import pytest
import torch
from omegaconf import OmegaConf
from pytorch_lightning import LightningModule, Trainer

from naa_lightning.data import Batch, ImageDataModule, ImageRecord, LabelledImages
from naa_lightning.data.cifar10 import Cifar10Data
from naa_lightning.data.digits import DigitsData
from naa_lightning.data.folder import FolderData
from naa_lightning.data.huggingface import HuggingFaceData
from naa_lightning.data.nips2017 import Nips2017Data
from naa_lightning.exceptions import UserError
from tests.experiments import CONF


def black(record: ImageRecord) -> torch.Tensor:
    if record.label == 13:
        raise UserError(f"{record.file} is unlucky")
    return torch.zeros(3, 2, 2, dtype=torch.uint8)


class SevenImages(ImageDataModule):
    num_classes = 20
    label = 7
    loads = 0

    def __init__(
        self, *, batch_size: int = 3, num_workers: int = 0, limit: int | None = None, class_names: str | None = None
    ) -> None:
        super().__init__(
            name="seven", batch_size=batch_size, num_workers=num_workers, limit=limit, class_names=class_names
        )

    def load(self) -> LabelledImages:
        self.loads += 1
        return LabelledImages([ImageRecord(i, f"{i}.png", self.label) for i in range(7)], black)


def predicted_ids(data: ImageDataModule) -> list[list[int]]:
    return [batch["id"].tolist() for batch in data.predict_dataloader()]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_batches_are_in_order_and_complete(num_workers: int) -> None:
    data = SevenImages(num_workers=num_workers)
    data.setup("predict")
    assert predicted_ids(data) == [[0, 1, 2], [3, 4, 5], [6]]


def test_no_more_workers_than_batches() -> None:
    data = SevenImages(num_workers=500)
    data.setup("predict")
    assert data.predict_dataloader().num_workers == 3
    data.only([4])
    assert data.predict_dataloader().num_workers == 1
    assert predicted_ids(data) == [[4]]


def test_limit_and_only() -> None:
    data = SevenImages(limit=5)
    data.only([6, 4, 0, 2, 3])
    data.setup("predict")
    data.setup("predict")
    assert data.loads == 1
    assert predicted_ids(data) == [[0, 2, 3], [4]]
    assert len(data.images) == 5
    data.only([])
    assert predicted_ids(data) == []


def test_images_need_setup() -> None:
    with pytest.raises(RuntimeError, match="setup"):
        SevenImages().images  # noqa: B018


def test_labels_are_checked_against_the_number_of_classes() -> None:
    data = SevenImages()
    data.label = 20
    with pytest.raises(UserError, match=r"0\.png has the label 20"):
        data.setup("predict")


def test_a_users_mistake_is_legible_through_worker_processes() -> None:
    data = SevenImages(num_workers=2)
    data.label = 13
    data.setup("predict")
    with pytest.raises(UserError) as error:
        predicted_ids(data)
    assert str(error.value).rpartition("UserError: ")[2].strip() == "0.png is unlucky"
    traceback.clear_frames(error.tb)  # lets go of the loader, whose workers otherwise take 5 s each to end


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"batch_size": 0}, "batch_size must be an integer of at least 1, got 0"),
        ({"num_workers": -1}, "num_workers must be an integer of at least 0, got -1"),
        ({"limit": 0}, "limit must be an integer of at least 1, got 0"),
        ({"limit": "ten"}, "limit must be an integer of at least 1, got 'ten'"),
        ({"batch_size": 1.5}, "batch_size must be an integer of at least 1, got 1.5"),
        ({"batch_size": True}, "batch_size must be an integer of at least 1, got True"),
    ],
)
def test_settings_out_of_range(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SevenImages(**setting)


class Ids(LightningModule):
    def predict_step(self, batch: Batch, batch_idx: int) -> list[int]:
        ids: list[int] = batch["id"].tolist()
        return ids


def test_lightning_predicts_over_it(tmp_path: Path) -> None:
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        default_root_dir=tmp_path,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    assert trainer.predict(Ids(), datamodule=SevenImages()) == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize("kind", [Cifar10Data, DigitsData, FolderData, HuggingFaceData, Nips2017Data])
def test_configs_state_every_setting_and_its_default(kind: type[ImageDataModule], tmp_path: Path) -> None:
    group = kind.__name__.removesuffix("Data").lower()
    config = OmegaConf.create({"seed": 3, "paths": {"data_dir": str(tmp_path), "cifar10_dir": None}})
    config.data = OmegaConf.load(CONF / "data" / f"{group}.yaml")
    if kind is FolderData:
        config.data.root = str(tmp_path)
    if kind is HuggingFaceData:
        config.data.dataset = str(tmp_path)
    assert type(hydra.utils.instantiate(config.data)) is kind
    parameters = inspect.signature(kind).parameters
    assert set(parameters) == set(config.data) - {"_target_"}
    for key in set(parameters) - {"root", "dataset", "cache", "seed"}:
        assert config.data[key] == parameters[key].default, key


def names_file(folder: Path, count: int) -> str:
    """A file that calls the classes "n0", "n1" and so on."""
    path = folder / "names.txt"
    path.write_text("".join(f"n{index}\n" for index in range(count)))
    return str(path)


def test_a_file_names_the_classes_of_any_data(tmp_path: Path) -> None:
    class Named(SevenImages):
        class_names = ("told", "by", "the", "source")

    data = Named(class_names=names_file(tmp_path, 8))
    data.setup("predict")
    assert list(data.class_names) == [f"n{index}" for index in range(8)]
    plain = Named()
    plain.setup("predict")
    assert plain.class_names == ("told", "by", "the", "source")


def test_a_file_names_every_label_and_no_class_that_is_not_there(tmp_path: Path) -> None:
    few = SevenImages(class_names=names_file(tmp_path, 7))
    with pytest.raises(UserError) as error:
        few.setup("predict")
    assert str(error.value) == (
        f"0.png has the label 7, counted from 0, and {tmp_path}/names.txt names 7 classes, 0 to 6; add the names up to "
        "class 7, or name another file in `class_names=FILE`"
    )
    many = SevenImages(class_names=names_file(tmp_path, 21))
    with pytest.raises(UserError, match=r"names\.txt names 21 classes, and seven has 20; remove the names of others"):
        many.setup("predict")
    SevenImages(class_names=names_file(tmp_path, 20)).setup("predict")


def test_a_file_of_names_is_read_before_any_image(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"`class_names=.*absent\.txt` is not a file"):
        SevenImages(class_names=str(tmp_path / "absent.txt"))
