"""What the engine chooses, and that crafting through it is what it is without."""

import copy
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.attacks import Attack, Budget, CrossEntropy, FeatureImportance, Momentum, NeuronAttribution
from naa_lightning.attacks.objectives import Objective
from naa_lightning.data import Batch
from naa_lightning.engine import Engine, saved_tensor_bytes
from naa_lightning.models import Classifier, Ensemble
from naa_lightning.modules.crafting import AttackModule
from naa_lightning.rng import SeededDraws

SIDE = 16
COUNT = 6
IMAGES = torch.rand(COUNT, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(COUNT)
IDS = torch.arange(COUNT) * 5


def classifier(layer: str = "2", seed: int = 0) -> Classifier:
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
    )
    for norm in network[1], network[4]:
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        norm.running_mean.uniform_(-0.2, 0.2)
    return Classifier(network, mean=[0.5] * 3, std=[0.25] * 3, layer=layer, num_classes=10).eval().double()


def crafted(objective: Objective, surrogate: Classifier | Ensemble, engine: Engine, rows: Sequence[int]) -> Tensor:
    """What the module makes of some of the images, in batches of up to six."""
    attack = Attack(objective=objective, update=Momentum(), budget=Budget(steps=3))
    module = AttackModule(surrogate=surrogate, attack=attack, seed=0, batch_size=COUNT, title="crafting", engine=engine)
    where = list(rows)
    images = IMAGES[where].to(next(surrogate.parameters()).dtype)
    batch: Batch = {"image": images, "label": LABELS[where], "target_class": LABELS[where], "id": IDS[where]}
    with torch.no_grad():
        return (module.predict_step(batch, 0)["adversarial"] * 255).round().to(torch.uint8)


@pytest.mark.parametrize(
    "objective", [NeuronAttribution(path_points=5), FeatureImportance(masks=5), CrossEntropy()], ids=type
)
@pytest.mark.parametrize("engine", [Engine(), Engine(group_images=2, pass_mib=1), Engine(group_images=1)], ids=str)
def test_images_are_those_of_the_bare_attack(objective: Objective, engine: Engine) -> None:
    surrogates = Ensemble([classifier(), classifier(seed=1)])
    attack = Attack(objective=objective, update=Momentum(), budget=Budget(steps=3))
    draws = SeededDraws(0, IDS.tolist())
    bare = attack(copy.deepcopy(surrogates), IMAGES.double(), LABELS, draws)
    expected = attack.budget.quantise(bare, IMAGES.double())
    assert torch.equal(crafted(objective, surrogates, engine, range(COUNT)), expected)


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("objective", [NeuronAttribution(path_points=5), CrossEntropy()], ids=type)
def test_folding_changes_images_by_rounding_alone_and_can_be_switched_off(objective: Objective, fold: bool) -> None:
    surrogate = classifier().float()
    attack = Attack(objective=objective, update=Momentum(), budget=Budget(steps=3))
    bare = attack(copy.deepcopy(surrogate), IMAGES, LABELS, SeededDraws(0, IDS.tolist()))
    found = crafted(objective, surrogate, Engine(fold=fold), range(COUNT))
    assert (found == attack.budget.quantise(bare, IMAGES)).float().mean() > 0.99
    assert sum(isinstance(module, nn.BatchNorm2d) for module in surrogate.modules()) == (0 if fold else 2)


@pytest.mark.parametrize("rows", [[3], [4, 1], [5, 4, 3, 2, 1, 0]])
def test_an_image_is_the_same_to_the_bit_whatever_its_neighbours(rows: list[int]) -> None:
    """In float32, where each order of summation rounds in its own way."""
    objective, engine = NeuronAttribution(path_points=5), Engine(group_images=3)
    whole = crafted(objective, classifier().float(), engine, range(COUNT))
    assert torch.equal(crafted(objective, classifier().float(), engine, rows), whole[rows])


@pytest.mark.parametrize(
    ("most", "batch_size", "group"), [(None, 5, 5), (4, 16, 4), (5, 16, 4), (4, 6, 3), (1, 6, 1), (64, 6, 6)]
)
def test_groups_are_of_one_size(most: int | None, batch_size: int, group: int) -> None:
    assert Engine(group_images=most).group_size(batch_size, IMAGES) == group


def test_on_a_cpu_large_images_are_crafted_in_smaller_groups() -> None:
    sizes = [Engine().group_size(64, torch.empty(1, 3, side, side)) for side in (32, 224, 299, 1024)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 64
    assert sizes[-1] == 1


def test_passes_fit_into_the_memory() -> None:
    small, large = classifier(), classifier()
    of_one = saved_tensor_bytes(large, IMAGES.double())
    fitting = Engine(pass_mib=1).images_per_pass(Ensemble([small, large]), IMAGES[:1].double())
    assert fitting * of_one <= 2**20 < (fitting + 1) * of_one
    assert Engine(pass_mib=1).images_per_pass(large, torch.rand(1, 3, 512, 512, dtype=torch.float64)) == 1


def test_path_points_share_passes_as_far_as_they_fit() -> None:
    sizes: list[int] = []
    surrogate = classifier()
    surrogate.network.get_submodule("3").register_forward_hook(
        lambda _module, args, _output: sizes.append(len(args[0]))
    )
    attack = Attack(objective=NeuronAttribution(path_points=5), update=Momentum(), budget=Budget(steps=1))
    for images_per_pass, expected in ((None, [2] * 5), (1, [2] * 5), (4, [4, 4, 2]), (7, [6, 4]), (100, [10])):
        sizes.clear()
        attack.craft(
            surrogate, IMAGES[:2].double(), LABELS[:2], SeededDraws(0, [0, 5]), images_per_pass=images_per_pass
        )
        assert sizes == expected


def test_only_the_preparation_is_in_another_precision() -> None:
    surrogate = classifier().float()
    seen: list[tuple[int, torch.dtype]] = []
    surrogate.network.get_submodule("2").register_forward_hook(
        lambda _module, args, output: seen.append((len(args[0]), output.dtype))
    )
    found = crafted(NeuronAttribution(path_points=2), surrogate, Engine(preparation="bfloat16", pass_mib=1), [0, 1])
    while seen[0][1] is torch.float32:  # optimising and measuring
        seen.pop(0)
    dtypes = [dtype for _, dtype in seen if dtype is not None]
    in_bfloat16 = dtypes.count(torch.bfloat16)
    assert dtypes == [torch.bfloat16] * in_bfloat16 + [torch.float32] * (len(dtypes) - in_bfloat16)
    assert len(dtypes) - in_bfloat16 >= 3  # the steps
    exact = crafted(NeuronAttribution(path_points=2), classifier().float(), Engine(), [0, 1])
    assert (found.int() - exact.int()).abs().float().mean() < 1


def test_float32_is_that_of_the_reference_unless_asked() -> None:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    for tf32 in (False, True):
        with Engine(tf32=tf32).matmul_precision():
            assert (matmul.allow_tf32, cudnn.allow_tf32) == (tf32, tf32)
        assert (matmul.allow_tf32, cudnn.allow_tf32) == before


@pytest.mark.parametrize("key", ["group_images", "pass_mib"])
def test_sizes_below_1_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key} must be at least 1, got 0$"):
        Engine(**{key: 0})  # type: ignore[arg-type]
