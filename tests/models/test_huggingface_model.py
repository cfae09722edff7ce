"""Image classifiers of transformers, small and random, as `save_pretrained` writes them."""

import json
import pickle
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from naa_lightning.exceptions import ModelError
from naa_lightning.models import Classifier
from naa_lightning.models import huggingface_model as module
from naa_lightning.models.candidates import candidate_layers, middle_layer
from naa_lightning.models.huggingface_model import HuggingFaceModel, huggingface_model

transformers = pytest.importorskip("transformers")

LABELS = {0: "ant", 1: "bee", 2: "cat", 3: "dog", 4: "eel"}
SIZE = {"height": 32, "width": 32}
COMMON = {"id2label": LABELS, "label2id": {name: index for index, name in LABELS.items()}}
TRANSFORMER = {"hidden_size": 24, "num_attention_heads": 3, "num_hidden_layers": 4, "image_size": 32, "patch_size": 8}


def vit() -> Any:
    config = transformers.ViTConfig(**TRANSFORMER, intermediate_size=32, **COMMON)
    return transformers.ViTForImageClassification(config), transformers.ViTImageProcessor(size=SIZE)


def dinov2() -> Any:
    config = transformers.Dinov2Config(**TRANSFORMER, mlp_ratio=2, **COMMON)
    processor = transformers.BitImageProcessor(size={"shortest_edge": 36}, crop_size=SIZE, resample=3)
    return transformers.Dinov2ForImageClassification(config), processor


def convnext() -> Any:
    config = transformers.ConvNextConfig(hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 2, 1], **COMMON)
    processor = transformers.ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=1.0)
    return transformers.ConvNextForImageClassification(config), processor


def swin() -> Any:
    config = transformers.SwinConfig(
        image_size=32, patch_size=2, embed_dim=8, depths=[1, 2, 1], num_heads=[1, 2, 2], window_size=4, **COMMON
    )
    return transformers.SwinForImageClassification(config), transformers.ViTImageProcessor(size=SIZE)


def resnet() -> Any:
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 2, 1], layer_type="basic", **COMMON
    )
    processor = transformers.ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=1.0)
    return transformers.ResNetForImageClassification(config), processor


def mobilevit() -> Any:
    config = transformers.MobileViTConfig(
        image_size=32,
        patch_size=2,
        hidden_sizes=[12, 16, 20],
        neck_hidden_sizes=[8, 8, 12, 12, 16, 16, 20],
        num_attention_heads=2,
        **COMMON,
    )
    processor = transformers.MobileViTImageProcessor(size={"shortest_edge": 32}, crop_size=SIZE)
    return transformers.MobileViTForImageClassification(config), processor


NETWORKS: dict[str, Callable[[], Any]] = {
    made.__name__: made for made in (vit, dinov2, convnext, swin, resnet, mobilevit)
}
families = pytest.mark.parametrize("family", NETWORKS)


def saved(folder: Path, family: str = "vit") -> Any:
    """Write a random network and its image processor, and return the network, in evaluation mode."""
    torch.manual_seed(0)
    network, processor = NETWORKS[family]()
    size = 0.5 if family == "mobilevit" else 0.2  # so that images make a difference to logits
    for parameter in network.parameters():  # also what is created as zeros or ones
        parameter.data.add_(size * torch.randn_like(parameter))
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return network.eval()


def levels(count: int = 3) -> torch.Tensor:
    return torch.randint(256, (count, 3, 32, 32), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def built(folder: Path, **options: Any) -> Classifier:
    source = huggingface_model(str(folder), **options)
    source.check()
    return source.build()


@families
def test_logits_are_those_of_its_own_processor_and_network(family: str, tmp_path: Path) -> None:
    """On images that have the network's size, up to single precision."""
    saved(tmp_path, family)
    network = transformers.AutoModelForImageClassification.from_pretrained(tmp_path).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    if family == "dinov2":  # which first enlarges and then crops: images of the network's size are neither
        processor.do_resize = False
    values = processor(list(levels()), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        expected = network(values).logits
        logits = built(tmp_path)(levels() / 255)
    assert expected.std(0).max() > 1e-3
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


@families
def test_the_layer_is_in_the_middle_by_itself(family: str, tmp_path: Path) -> None:
    saved(tmp_path, family)
    source = huggingface_model(str(tmp_path))
    assert source.layer == "auto"
    model = source.build()
    images = levels() / 255
    layer = middle_layer(model, images)
    for depth in range(2, 9):  # the name is as short as can be
        found = candidate_layers(model, images[:1], depth=depth)
        if any(1 / 3 <= other.progress <= 2 / 3 for other in found):
            break
    assert layer == min(found, key=lambda other: abs(other.progress - 0.5))
    assert 0.3 < layer.progress < 0.7
    view = huggingface_model(str(tmp_path), layer=layer.name).build()
    gradient = view.layer_gradient(images, lambda logits: logits[:, 0] - logits[:, 1])
    assert gradient.shape == (3, *layer.shape)
    assert gradient.abs().amax() > 0


def test_what_the_files_say_is_described(tmp_path: Path) -> None:
    saved(tmp_path / "mine", "mobilevit")
    source = huggingface_model(str(tmp_path / "mine"))
    assert (source.name, source.num_classes, source.classes) == ("mine", 5, list(LABELS.values()))
    assert (source.channels, list(source.input_size or [])) == ("bgr", [32, 32])
    assert (source.mean, source.std) == ([0.0] * 3, [1.0] * 3)
    given = huggingface_model(str(tmp_path / "mine"), name="x", mean=[0.1] * 3, std=[0.2] * 3, input_size=[16, 16])
    assert (given.name, given.mean, given.std, given.input_size) == ("x", [0.1] * 3, [0.2] * 3, [16, 16])
    assert (given.channels, given.interpolation) == ("bgr", source.interpolation), "what is not given is said still"
    assert source.interpolation != "nearest"
    given = replace(source, channels="rgb", interpolation="nearest")
    assert huggingface_model(str(tmp_path / "mine"), channels="rgb", interpolation="nearest") == given


def test_its_files_are_those_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path / "mine")
    (tmp_path / "mine/README.md").touch()
    names = [path.name for path in huggingface_model(str(tmp_path / "mine")).files]
    assert names == ["config.json", "model.safetensors", "preprocessor_config.json"]
    monkeypatch.chdir(tmp_path)
    assert list(HuggingFaceModel(name="x", model="nobody/nothing").files) == []


def test_labels_that_are_no_names_are_none(tmp_path: Path) -> None:
    network = transformers.ViTForImageClassification(transformers.ViTConfig(**TRANSFORMER, num_labels=7))
    network.save_pretrained(tmp_path)
    source = huggingface_model(str(tmp_path), mean=[0.5] * 3, std=[0.5] * 3, input_size=[32, 32])
    assert (source.num_classes, source.classes) == (7, None)


def test_half_precision_and_shards_are_read(tmp_path: Path) -> None:
    network = saved(tmp_path / "whole")
    transformers.ViTImageProcessor(size=SIZE).save_pretrained(tmp_path / "shards")
    network.save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    images = levels() / 255
    expected = built(tmp_path / "whole")(images)
    torch.testing.assert_close(built(tmp_path / "shards")(images), expected)
    network.half().save_pretrained(tmp_path / "whole")
    halved = built(tmp_path / "whole")
    assert {parameter.dtype for parameter in halved.parameters()} == {torch.float32}
    torch.testing.assert_close(halved(images), expected, rtol=0, atol=0.02)


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_pickled_weights_are_read_and_nothing_in_them_runs(tmp_path: Path) -> None:
    saved(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    images = levels() / 255
    expected = built(tmp_path)(images)
    (tmp_path / "model.safetensors").unlink()
    torch.save(state, tmp_path / "pytorch_model.bin")
    torch.testing.assert_close(built(tmp_path)(images), expected)
    for content in ({**state, "x": Evil(tmp_path / "it has run")}, Evil(tmp_path / "it has run")):
        torch.save(content, tmp_path / "pytorch_model.bin")
        with pytest.raises(ModelError, match="cannot be loaded") as error:
            built(tmp_path)
        assert "\n" not in str(error.value)
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Evil(tmp_path / "it has run")))
    with pytest.raises(ModelError, match="cannot be loaded"):
        built(tmp_path)
    assert not (tmp_path / "it has run").exists()


def test_code_that_a_folder_brings_is_not_run(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'it has run')!r}, 'w')\n")
    config = json.loads((tmp_path / "config.json").read_text())
    config["model_type"] = "mine"
    config["auto_map"] = {"AutoConfig": "code.Config", "AutoModelForImageClassification": "code.Network"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="does not describe a classifier of images") as error:
        huggingface_model(str(tmp_path))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "it has run").exists()


def test_a_network_without_a_trained_head_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    transformers.ViTModel(transformers.ViTConfig(**TRANSFORMER)).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"holds no weights of classifier\.bias, classifier\.weight") as error:
        built(tmp_path)
    assert "\n" not in str(error.value)


def test_a_head_of_other_classes_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["id2label"], config["label2id"] = {"0": "ant", "1": "bee"}, {"ant": 0, "bee": 1}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"config\.json: classifier\.\w+ has shape \(5.*\), expected \(2") as error:
        built(tmp_path)
    assert "\n" not in str(error.value)


def test_a_folder_without_an_image_processor(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match=r"preprocessor_config\.json.*`mean`, `std` and `input_size`") as error:
        huggingface_model(str(tmp_path))
    assert "\n" not in str(error.value)
    model = built(tmp_path, mean=[0.5] * 3, std=[0.5] * 3, input_size=[32, 32])
    assert model(levels() / 255).shape == (3, 5)


def test_what_an_image_processor_does_not_say_can_be_given(tmp_path: Path) -> None:
    saved(tmp_path)
    path = tmp_path / "preprocessor_config.json"
    given: dict[str, Any] = {"mean": [0.5] * 3, "std": [0.5] * 3, "input_size": [32, 32]}
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "image_processor_type": "EfficientNetImageProcessor", "rescale_offset": True}))
    with pytest.raises(ModelError, match=r"takes values from -1\): give `mean`, `std` and `input_size`$"):
        huggingface_model(str(tmp_path))
    assert huggingface_model(str(tmp_path), **given).interpolation == "bilinear"
    path.write_text("{")
    with pytest.raises(ModelError, match=r"give `channels` and `interpolation`$"):
        huggingface_model(str(tmp_path), **given)
    source = huggingface_model(str(tmp_path), **given, channels="bgr", interpolation="bicubic")
    assert (source.mean, source.channels, source.interpolation) == ([0.5] * 3, "bgr", "bicubic")


def test_an_image_processor_is_asked_for_where_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a published model: on the hub; out of its reach on this machine alone."""
    for online, there, looked in ((True, True, True), (True, False, False), (False, True, False)):
        monkeypatch.setattr(module, "try_to_load_from_cache", lambda *_: None)
        monkeypatch.setattr(module, "is_online", lambda _, online=online: online)
        monkeypatch.setattr(module, "file_exists", lambda *_, there=there: there)
        assert module._has_processor("nobody/nothing") is looked


def test_a_background_class_of_imagenet_is_left_out(tmp_path: Path) -> None:
    def labelled(first: str, count: int) -> Path:
        names = {index: f"bird {index}" for index in range(1, count)} | {0: first}
        config = transformers.ViTConfig(**TRANSFORMER, intermediate_size=32)
        config.id2label = names
        torch.manual_seed(0)
        folder = tmp_path / f"{first} {count}"
        transformers.ViTForImageClassification(config).save_pretrained(folder)
        transformers.ViTImageProcessor(size=SIZE).save_pretrained(folder)
        return folder

    images = levels() / 255
    source = huggingface_model(str(labelled("Background", 1001)))
    whole = huggingface_model(source.model, first_class=0)
    assert (source.num_classes, whole.num_classes) == (1000, 1001)
    assert (list(source.classes or [])[:1], list(whole.classes or [])[:1]) == (["bird 1"], ["Background"])
    torch.testing.assert_close(source.build()(images), whole.build()(images)[:, 1:])
    for folder, count in ((labelled("tench", 1001), 1001), (labelled("background", 12), 12)):
        assert huggingface_model(str(folder)).num_classes == count
    assert huggingface_model(str(tmp_path / "background 12"), first_class=1).num_classes == 11


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
def test_code_for_attention_is_not_fetched_from_elsewhere(key: str, tmp_path: Path) -> None:
    saved(tmp_path)
    expected = built(tmp_path)(levels() / 255)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, key: "nobody/attention"}))
    torch.testing.assert_close(built(tmp_path)(levels() / 255), expected)


def test_the_home_folder_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path / "mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    source = huggingface_model("~/mine")
    assert (source.name, source.model) == ("mine", str(tmp_path / "mine"))
    source.check()
    assert source.build()(levels() / 255).shape == (3, 5)


def test_damaged_files_are_told_in_one_line(tmp_path: Path) -> None:
    saved(tmp_path)
    content = (tmp_path / "model.safetensors").read_bytes()
    for damaged in (content[:-100], b"", b"no weights at all"):
        (tmp_path / "model.safetensors").write_bytes(damaged)
        with pytest.raises(ModelError, match="cannot be loaded") as error:
            built(tmp_path)
        assert "\n" not in str(error.value)
    (tmp_path / "preprocessor_config.json").write_text("{")
    with pytest.raises(ModelError, match="does not say how it takes images"):
        huggingface_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="does not describe a classifier of images"):
        huggingface_model(str(tmp_path))


def test_weights_that_are_missing_from_a_folder(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"there is no .*model\.safetensors"):
        huggingface_model(str(tmp_path)).check()


def test_weights_without_one_tensor_are_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    name = next(name for name in state if "layernorm_before" in name)
    save_file({key: value for key, value in state.items() if key != name}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=r"holds no weights of .*layernorm_before"):
        built(tmp_path)


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    config = transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    transformers.BertModel(config).save_pretrained(tmp_path)
    transformers.ViTImageProcessor(size=SIZE).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"cannot be loaded|does not describe") as error:
        built(tmp_path)
    assert "\n" not in str(error.value)


def test_what_is_neither_a_folder_nor_an_id(tmp_path: Path) -> None:
    for name in (str(tmp_path / "absent"), "a/b/c", "two words"):
        with pytest.raises(ModelError, match=r"there is no folder .*; correct `model`, or give the id of a published"):
            huggingface_model(name)
    with pytest.raises(ModelError, match=r"there is no .*config\.json; name a folder that `save_pretrained` wrote"):
        huggingface_model(str(tmp_path))


def test_a_published_model_out_of_reach_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_online", lambda _: False)
    monkeypatch.setattr(module, "try_to_load_from_cache", lambda *_: None)
    began = time.perf_counter()
    with pytest.raises(ModelError, match=r"nobody/nothing.* out of reach.*name a folder with `model=FOLDER`") as error:
        huggingface_model("nobody/nothing")
    assert "weights=" not in str(error.value)
    assert time.perf_counter() - began < 2


def test_the_library_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"needs transformers: pip install 'naa_lightning\[huggingface\]'"):
        huggingface_model(str(tmp_path))


def test_the_folder_itself_may_be_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert huggingface_model(".").name == tmp_path.name
    assert isinstance(huggingface_model("./"), HuggingFaceModel)
