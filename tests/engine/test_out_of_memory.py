"""Batches that do not fit into memory are done in parts."""

import errno
import logging
import os
import subprocess
import sys
import weakref
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.attacks import Attack, Budget, FeatureDisruption, Momentum, NeuronAttribution, Objective
from naa_lightning.attribution import Attribute, FeatureDifference, attribute
from naa_lightning.engine import Engine
from naa_lightning.engine.out_of_memory import AdaptiveChunks, is_out_of_memory
from naa_lightning.exceptions import UserError
from naa_lightning.models import Classifier
from naa_lightning.models.defences import RandomResizePad
from naa_lightning.modules.attention import AttentionModule
from naa_lightning.modules.attribution import AttributionModule
from naa_lightning.modules.crafting import AttackModule, CraftedBatch
from naa_lightning.modules.perturbation import PerturbationModule
from naa_lightning.modules.target import TargetModule
from naa_lightning.records import PairBatch
from tests.conftest import GoldenNetwork

COUNT = 7


class Memory:
    """Holds so many images at most; remembers how many it was asked to hold."""

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.asked: list[int] = []

    def hold(self, images: Tensor) -> None:
        self.asked.append(len(images))
        if len(images) > self.largest:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


class Short(nn.Module):
    """A network in a small memory."""

    def __init__(self, network: nn.Module, memory: Memory) -> None:
        super().__init__()
        self.network = network
        self.memory = memory

    def forward(self, images: Tensor) -> Tensor:
        self.memory.hold(images)
        logits: Tensor = self.network(images)
        return logits


def classifier(memory: Memory) -> Classifier:
    torch.manual_seed(0)
    return Classifier(Short(GoldenNetwork(), memory), mean=[0.5] * 3, std=[0.5] * 3, layer="network.middle").eval()


def images(seed: int = 0) -> Tensor:
    return torch.rand(COUNT, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def pairs() -> PairBatch:
    return {"clean": images(), "adversarial": images(1), "id": torch.arange(COUNT) * 5}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_parts_are_halved_until_they_fit_and_stay_so(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[tuple[int, int, int]] = []

    def work(part: slice, size: int) -> list[int]:
        tried.append((part.start, part.stop, size))
        if part.start >= 8 and size > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return list(range(part.start, part.stop))

    memory = AdaptiveChunks("crafting naa")
    assert memory.map(work, 20, 8) == [list(range(8)), *([n, n + 1] for n in range(8, 20, 2))]
    assert tried[:4] == [(0, 8, 8), (8, 16, 8), (8, 12, 4), (8, 10, 2)]
    first, second = warnings(caplog)
    assert "crafting naa: out of memory with 8 images at a time, now 4" in first
    assert "now 2" in second
    assert "`batch_size=2`" in second
    tried.clear()
    assert memory.map(work, 3, 8) == [[0, 1], [2]]
    assert tried == [(0, 2, 2), (2, 3, 2)]
    assert len(warnings(caplog)) == 2


def test_what_filled_the_memory_is_gone_before_the_next_try() -> None:
    filled: list[weakref.ref[Tensor]] = []

    def work(part: slice, size: int) -> int:
        assert all(tensor() is None for tensor in filled)
        tensor = torch.zeros(size)
        cycle: list[object] = [tensor]
        cycle.append(cycle)
        if size > 1:
            filled.append(weakref.ref(tensor))
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return size

    assert AdaptiveChunks("working").map(work, 2, 4) == [1, 1]
    assert len(filled) == 2


def test_one_image_too_many_is_told_with_the_remedy() -> None:
    with pytest.raises(
        UserError, match=r"^crafting naa: out of memory with one image at a time: use a smaller `image_size`"
    ):
        AdaptiveChunks("crafting naa").map(lambda part, size: Memory(0).hold(torch.zeros(size)), 5, 4)


def test_other_errors_pass_at_once() -> None:
    tried: list[int] = []

    def work(part: slice, size: int) -> None:
        tried.append(size)
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        AdaptiveChunks("working").map(work, 5, 4)
    assert tried == [4]


def test_what_the_libraries_say_is_understood() -> None:
    with pytest.raises(RuntimeError) as full:
        torch.empty(1 << 50)
    assert is_out_of_memory(full.value)
    wrapped = UserError("mine failed")
    wrapped.__cause__ = full.value
    assert is_out_of_memory(wrapped)
    assert is_out_of_memory(RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be", "more"))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
    assert is_out_of_memory(OSError(errno.ENOMEM, "Cannot allocate memory"))
    assert is_out_of_memory(type("Fail", (Exception,), {"__module__": "onnxruntime.capi"})("Failed to allocate memory"))
    assert not is_out_of_memory(OSError(errno.ENOSPC, "No space left on device"))
    assert not is_out_of_memory(RuntimeError(5))
    assert not is_out_of_memory(ValueError("CUDA out of memory"))


@pytest.mark.parametrize(
    ("words", "memory"),
    [
        ("could not create a primitive", True),
        ("could not create a primitive descriptor for a convolution forward propagation primitive", False),
        ("could not execute a primitive", True),
        ("could not create a memory object", True),
        (
            "[enforce fail at alloc_cpu.cpp:81] data. DefaultCPUAllocator: not enough memory: you tried to allocate 9",
            True,
        ),
        ("std::bad_alloc", True),
        ("unable to mmap 44 bytes from file <a.pt>: Cannot allocate memory (12)", True),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", True),
        ("cuDNN error: CUDNN_STATUS_MAPPING_ERROR", False),
        ("Non-zero status code returned while running Conv node: Failed to allocate memory for requested buffer", True),
    ],
)
def test_the_words_for_no_memory(words: str, memory: bool) -> None:
    assert is_out_of_memory(RuntimeError(words)) == memory


# In processes whose address space ends so many KiB above what they have. oneDNN says less than torch where it is short.
CONVOLVING = """
import os, resource, torch
from naa_lightning.engine.out_of_memory import AdaptiveChunks, is_out_of_memory
images, network = torch.rand(4, 64, 56, 56), torch.nn.Conv2d(64, 64, 3, padding=1)
torch.nn.Conv2d(3, 8, 3)(torch.rand(1, 3, 32, 32))

def convolved(room):
    size = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE") + room * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    try:
        network(images)
    except RuntimeError as error:
        return f"{is_out_of_memory(error)} {error}"
    return "fits"

for room in [*range(0, 3000, 100), 30000]:
    if os.fork() == 0:
        print(convolved(room), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are kept on Linux")
def test_whatever_a_convolution_says_that_lacks_memory_is_understood() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CONVOLVING],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    *short, enough = done.stdout.splitlines()
    assert enough == "fits"
    assert len(short) > 20
    assert all(said.startswith("True ") for said in short), short


def crafted(memory: Memory, engine: Engine, objective: Objective | None = None) -> CraftedBatch:
    attack = Attack(objective=objective or NeuronAttribution(), update=Momentum(), budget=Budget(eps="16/255", steps=3))
    module = AttackModule(
        surrogate=classifier(memory), attack=attack, seed=0, batch_size=COUNT, title="crafting naa", engine=engine
    )
    batch = {"image": images(), "label": torch.arange(COUNT), "id": torch.arange(COUNT) * 5}
    with torch.no_grad():
        return module.predict_step(batch, 0)


def test_crafting_in_halves_gives_what_crafting_in_small_groups_gives(caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory(3)
    short = crafted(memory, Engine())
    tried = [size for size in memory.asked if size > 2]  # optimising takes one image, measuring two
    # All points of the path at once, one by one, then both with fewer images.
    assert tried[:4] == [COUNT * 30, COUNT, 3 * 30, 3]
    assert set(tried[3:]) == {3}  # padded: 7 images are 3 groups of 3
    assert [warning.partition(", now")[2][:20] for warning in warnings(caplog)] == [
        " 3, so that results ",
        " points of the path ",
    ]
    small = crafted(Memory(COUNT * 30), Engine(group_images=3))
    assert torch.equal(short["adversarial"], small["adversarial"])
    assert short["adversarial"].shape == (COUNT, 3, 16, 16)
    assert short["gradient_evaluations"] == small["gradient_evaluations"]
    assert len(short["attribution"]) == 5
    for name, values in short["attribution"].items():
        torch.testing.assert_close(values, small["attribution"][name])
        assert len(values) == COUNT


def test_where_no_path_is_at_fault_only_smaller_chunks_are_told(caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory(3)
    short = crafted(memory, Engine(), FeatureDisruption())
    assert [warning.partition(", so")[0] for warning in warnings(caplog)] == [
        "crafting naa: out of memory with 7 images at a time, now 3"
    ]
    small = crafted(Memory(COUNT), Engine(group_images=3), FeatureDisruption())
    assert torch.equal(short["adversarial"], small["adversarial"])


def test_an_image_alone_is_crafted_where_its_points_do_not_fit_together(caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory(1)
    alone = crafted(memory, Engine(group_images=1))
    assert [size for size in memory.asked if size > 1] == [2]  # the measurement
    assert not warnings(caplog)
    together = crafted(Memory(30), Engine(group_images=1))
    assert torch.equal(alone["adversarial"], together["adversarial"])
    memory = Memory(2)
    crafted(memory, Engine(group_images=1))
    assert max(memory.asked) == 30
    assert len(warnings(caplog)) == 1


def test_asking_in_halves_gives_the_same_answers(caplog: pytest.LogCaptureFixture) -> None:
    def asked(memory: Memory) -> TargetModule:
        return TargetModule(classifier(memory), name="a+pad", defences=[RandomResizePad(repeats=2)], num_classes=10)

    whole: dict[str, Tensor] = {**asked(Memory(COUNT)).predict_step(pairs(), 0)}  # type: ignore[dict-item]
    parts = asked(Memory(2)).predict_step(pairs(), 0)
    assert whole["id"].tolist() == [5 * index for index in range(COUNT)]
    assert whole["clean_class"].shape == whole["adversarial_confidence"].shape == (COUNT, 2)
    for name, values in parts.items():
        torch.testing.assert_close(values, whole[name])
    assert [warning.partition(",")[0] for warning in warnings(caplog)] == [
        f"evaluating a+pad: out of memory with {size} images at a time" for size in (7, 3)
    ]


def test_measuring_in_halves_gives_the_same_sizes() -> None:
    def distance(memory: Memory) -> nn.Module:
        class Distance(nn.Module):
            def forward(self, clean: Tensor, adversarial: Tensor) -> Tensor:
                memory.hold(clean)
                return (clean - adversarial).abs().mean(dim=(1, 2, 3))

        return Distance()

    whole = PerturbationModule(distance(Memory(COUNT)), title="measuring").predict_step(pairs(), 0)
    parts = PerturbationModule(distance(Memory(2)), title="measuring").predict_step(pairs(), 0)
    for kind in ("clean", "adversarial"):
        assert parts.pop(f"{kind}_sha256") == whole.pop(f"{kind}_sha256")
    for name, values in whole.items():
        torch.testing.assert_close(parts[name], values)


def test_looking_in_halves_gives_the_same_attention() -> None:
    def looked(memory: Memory) -> dict[str, Tensor]:
        return {**AttentionModule(classifier(memory), title="attention").predict_step(pairs(), 0)}  # type: ignore[dict-item]

    whole, parts = looked(Memory(COUNT)), looked(Memory(4))
    assert whole["clean_attention"].shape == (COUNT, 8, 8)
    for name, values in whole.items():
        torch.testing.assert_close(parts[name], values)


def attributing(memory: Memory, found: Attribute = attribute) -> AttributionModule:
    return AttributionModule(
        surrogate=classifier(memory),
        attribute=found,
        method=FeatureDifference(),
        classes={5 * index: index for index in range(COUNT)},
        seed=0,
        title="attributing a",
    )


def test_attribution_names_the_option_that_bounds_its_memory() -> None:
    with pytest.raises(UserError, match=r"attributing a: out of memory: use a smaller attribution\.images_per_pass"):
        attributing(Memory(COUNT - 1)).predict_step(pairs(), 0)
    bounded = partial(attribute, images_per_pass=COUNT - 1)
    assert len(attributing(Memory(COUNT - 1), bounded).predict_step(pairs(), 0)["adversarial"]) == COUNT


def test_other_errors_of_attribution_pass() -> None:
    with pytest.raises(KeyError):
        attributing(Memory(COUNT)).predict_step({**pairs(), "id": torch.arange(COUNT)}, 0)
