"""The layer that `auto` stands for."""

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from naa_lightning.models import Classifier
from naa_lightning.models.candidates import (
    ANY_DEPTH,
    CandidateLayer,
    candidate_layers,
    check_attacked_layer,
    middle_layer,
    named_layers,
)
from naa_lightning.models.layer import LayerError

# Small members of families, and the size of images that is fast.
NETWORKS = {
    "resnet18": 64,
    "vgg11": 64,
    "mobilenetv3_small_050": 64,
    "efficientnet_b0": 64,
    "convnext_atto": 64,
    "regnetx_002": 64,
    "repvgg_a0": 64,
    "vit_tiny_patch16_224": 224,
    "deit_tiny_patch16_224": 224,
    "swin_tiny_patch4_window7_224": 224,
    "mixer_s32_224": 224,
    "poolformer_s12": 64,
    "inception_v3": 128,
    "xcit_nano_12_p16_224": 224,
    "maxvit_rmlp_pico_rw_256": 256,
}


def classifier(network: nn.Module) -> Classifier:
    return Classifier(network.eval(), mean=[0.5] * 3, std=[0.5] * 3)


def is_in_the_middle(layer: CandidateLayer) -> bool:
    return 1 / 3 <= layer.progress <= 2 / 3


@pytest.mark.parametrize("name", NETWORKS)
def test_known_networks_have_one_in_the_middle_third_with_as_short_a_name_as_can_be(name: str) -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 3, NETWORKS[name], NETWORKS[name])
    model = classifier(timm.create_model(name, pretrained=False, num_classes=7))
    layer = middle_layer(model, image)
    assert is_in_the_middle(layer)
    for depth in range(2, layer.name.count(".") + 1):
        assert not any(is_in_the_middle(other) for other in candidate_layers(model, image[:1], depth=depth))
    assert named_layers(model, image[:1], [layer.name]) == [layer]
    view = Classifier(model.network, mean=[0.5] * 3, std=[0.5] * 3, layer=layer.name)
    assert view.features(image).shape == (2, *layer.shape)


def test_where_none_is_in_the_middle_third_the_nearest_is_taken() -> None:
    """The third of DenseNet's blocks is more than a third of it, and all but its last layer run beside each other."""
    model = classifier(timm.create_model("densenet121", pretrained=False, num_classes=7))
    found = candidate_layers(model, torch.rand(1, 3, 64, 64), depth=ANY_DEPTH)
    assert not any(is_in_the_middle(layer) for layer in found)
    assert middle_layer(model, torch.rand(1, 3, 64, 64)).name == "features.transition2"


@pytest.mark.parametrize("name", ["alexnet", "squeezenet1_1", "shufflenet_v2_x0_5", "mnasnet0_5"])
def test_networks_of_torchvision_too(name: str) -> None:
    torch.manual_seed(0)
    model = classifier(torchvision.models.get_model(name, weights=None))
    layer = middle_layer(model, torch.rand(1, 3, 96, 96))
    assert is_in_the_middle(layer)
    assert layer.name.count(".") <= 2


class Branches(nn.Module):
    """Two ways from the image to the logits, so that no layer sees all."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        self.right = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        both: Tensor = self.left(images).mean((2, 3)) + self.right(images).mean((2, 3))
        return both


def test_where_there_are_branches_alone_one_of_them_is_taken() -> None:
    model, image = classifier(Branches()), torch.rand(1, 3, 16, 16)
    assert candidate_layers(model, image, depth=ANY_DEPTH) == []
    layer = middle_layer(model, image)
    assert layer in candidate_layers(model, image, depth=ANY_DEPTH, branches=True)
    assert is_in_the_middle(layer)


def test_of_the_candidates_the_nearest_to_the_middle_is_taken() -> None:
    """By hand: of eight calls, the fourth."""
    convolutions = [nn.Conv2d(3, 3, 1) for _ in range(6)]
    model = classifier(nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    assert middle_layer(model, torch.rand(1, 3, 8, 8)) == CandidateLayer("3", (3, 8, 8), 0.5)


def test_a_deeper_name_only_where_it_takes_one() -> None:
    inner = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(9)))
    model = classifier(nn.Sequential(nn.Sequential(nn.Sequential(inner)), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    layer = middle_layer(model, torch.rand(1, 3, 8, 8))
    assert layer.name.startswith("0.0.0.")
    assert is_in_the_middle(layer)


@pytest.mark.parametrize("batch_size", [1, 3, (2, 4)], ids=str)
def test_how_many_images_the_network_takes_does_not_matter(batch_size: int | tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = timm.create_model("resnet18", pretrained=False, num_classes=7).eval()
    free = middle_layer(classifier(network), torch.rand(2, 3, 64, 64))
    fixed = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, batch_size=batch_size)
    assert middle_layer(fixed, torch.rand(2, 3, 64, 64)) == free


def test_a_network_without_any_candidate_says_so() -> None:
    model, image = classifier(nn.Sequential(nn.Flatten(), nn.Linear(48, 5))), torch.rand(1, 3, 4, 4)
    with pytest.raises(LayerError, match="the network has no layer that could be attacked"):
        middle_layer(model, image)
    with pytest.raises(LayerError, match="names no attacked layer, and has none that could be attacked"):
        check_attacked_layer(model, image)


def test_the_list_is_short_and_names_what_auto_takes() -> None:
    model = classifier(nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(40)), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    image = torch.rand(1, 3, 8, 8)
    with pytest.raises(LayerError) as error:
        check_attacked_layer(model, image)
    listed = str(error.value)
    assert listed.count("(3, 8, 8)") == 12
    assert "one of 0 (3, 8, 8), " in listed
    assert f"`layer=auto` takes {middle_layer(model, image).name}" in listed


class NeverRuns(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)])
        self.spare = nn.Conv2d(4, 4, 1)

    def forward(self, images: Tensor) -> Tensor:
        for stage in self.stages:
            images = stage(images)
        return images.mean((2, 3))


@pytest.mark.parametrize(("name", "nearest"), [("stages", "stages.1"), ("spare", "stages.0|stages.1")])
def test_what_never_runs_is_refused_with_the_nearest_that_does(name: str, nearest: str) -> None:
    with pytest.raises(
        LayerError, match=f"^{name} never runs in a forward pass: the nearest that does is ({nearest})$"
    ):
        named_layers(classifier(NeverRuns()), torch.rand(1, 3, 4, 4), [name])
