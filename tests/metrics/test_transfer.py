import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, distributed
from torch.multiprocessing.spawn import spawn

from naa_lightning.metrics import Rate, TransferMetric, TransferRates, transfer_rates

CLASSES = st.integers(0, 3)
ANSWERS = st.integers(-2, 3)
PREDICTIONS = st.lists(st.tuples(ANSWERS, ANSWERS, CLASSES), min_size=1, max_size=50)
TARGETED_PREDICTIONS = st.lists(st.tuples(ANSWERS, ANSWERS, CLASSES, st.integers(-1, 3)), min_size=1, max_size=50)


def columns(rows: list[tuple[int, ...]]) -> list[Tensor]:
    return list(torch.tensor(rows).T)


def counted(rows: list[tuple[int, ...]]) -> TransferRates:
    """Count one image after the other; a fourth column is the class aimed at."""
    fooled = wrong = correct = success = aimed = hit = robust = 0
    for clean, adversarial, label, target in ((*row, -1)[:4] for row in rows):
        correct += clean == label
        aimed += target >= 0
        robust += clean == label == adversarial
        if adversarial >= 0:
            fooled += clean >= 0 and adversarial != clean
            wrong += adversarial != label
            success += clean == label and adversarial != label
            hit += adversarial == target
    total = len(rows)
    return TransferRates(
        fooling_rate=Rate(fooled, total),
        error_rate=Rate(wrong, total),
        success_rate=Rate(success, correct),
        clean_accuracy=Rate(correct, total),
        target_rate=Rate(hit, aimed),
        robust_accuracy=Rate(robust, total),
    )


def expected(rates: TransferRates) -> dict[str, float]:
    return {
        f"{name}{suffix}": value
        for name, rate in vars(rates).items()
        for suffix, value in zip(("", "_low", "_high"), (rate.value, *rate.interval), strict=True)
    }


def values(metric: TransferMetric) -> dict[str, float]:
    return {name: value.item() for name, value in metric.compute().items()}


@settings(deadline=None)
@given(rows=PREDICTIONS | TARGETED_PREDICTIONS)
def test_rates_are_counts(rows: list[tuple[int, ...]]) -> None:
    assert transfer_rates(*columns(rows)) == counted(rows)


@settings(deadline=None)
@given(rows=PREDICTIONS | TARGETED_PREDICTIONS, data=st.data())
def test_images_seen_again_are_counted_once(rows: list[tuple[int, ...]], data: st.DataObject) -> None:
    numbered: list[tuple[int, ...]] = [(10 * i, *row) for i, row in enumerate(rows)]
    again = data.draw(st.lists(st.sampled_from(numbered), min_size=1))
    metric = TransferMetric()
    for part in (numbered, again, numbered[:1]):
        metric.update(*columns(part))
    assert values(metric) == pytest.approx(expected(counted(rows)), nan_ok=True)
    ids, *known = columns(numbered + again)
    assert transfer_rates(*known, ids=ids) == counted(rows)


def test_only_images_with_a_target_class_count_for_the_target_rate() -> None:
    clean, adversarial, labels = torch.tensor([[1, 1, 1, 1], [2, 3, 2, 1], [1, 1, 1, 1]])
    assert transfer_rates(clean, adversarial, labels, torch.tensor([2, 2, -1, 2])).target_rate == Rate(1, 3)
    assert transfer_rates(clean, adversarial, labels).target_rate == Rate(0, 0)


@pytest.mark.parametrize("none", [-1, -2])
def test_no_answer_on_an_adversarial_image_counts_in_totals_alone(none: int) -> None:
    rates = transfer_rates(*columns([(1, none, 1, 2), (1, 2, 1, 2), (3, none, 1, -1), (none, none, 1, -1)]))
    assert rates == TransferRates(
        fooling_rate=Rate(1, 4),
        error_rate=Rate(1, 4),
        success_rate=Rate(1, 2),
        clean_accuracy=Rate(2, 4),
        target_rate=Rate(1, 2),
        robust_accuracy=Rate(0, 4),
    )


@pytest.mark.parametrize("none", [-1, -2])
def test_no_answer_on_a_clean_image_is_not_correct_and_nothing_to_fool(none: int) -> None:
    rates = transfer_rates(*columns([(none, 2, 1, 2), (none, 1, 1, 2), (1, 2, 1, 3)]))
    assert rates == TransferRates(
        fooling_rate=Rate(1, 3),
        error_rate=Rate(2, 3),
        success_rate=Rate(1, 1),
        clean_accuracy=Rate(1, 3),
        target_rate=Rate(1, 3),
        robust_accuracy=Rate(0, 3),
    )


def test_no_answer_is_not_the_class_that_no_attack_aimed_at() -> None:
    rates = transfer_rates(*columns([(1, -1, 1, -1), (1, -2, 1, -1)]))
    assert rates.target_rate == Rate(0, 0)


def test_equal_predictions_of_different_images_are_all_counted() -> None:
    metric = TransferMetric()
    metric.update(torch.arange(5), *torch.tensor([[1] * 5, [2] * 5, [1] * 5]))
    assert values(metric)["error_rate"] == 1


def test_an_image_predicted_differently_on_two_devices_is_counted_once() -> None:
    metric = TransferMetric()
    metric.update(*columns([(0, 1, 2, 1), (1, 1, 1, 1)]))
    metric.update(*columns([(0, 1, 3, 1)]))
    assert values(metric)["fooling_rate"] == 0.5


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_no_images_have_no_rates() -> None:
    nothing = torch.empty(0, dtype=torch.long)
    assert transfer_rates(nothing, nothing, nothing) == counted([])
    rates = values(TransferMetric())
    assert rates.keys() == expected(counted([])).keys()
    assert all(math.isnan(value) for value in rates.values())


def test_no_correct_image_has_no_success_rate() -> None:
    rates = transfer_rates(*torch.tensor([[1, 2], [1, 3], [0, 0]]))
    assert rates.success_rate == Rate(0, 0)
    assert rates.error_rate == Rate(2, 2)


@pytest.mark.parametrize(
    ("clean", "adversarial", "labels"),
    [((3,), (2,), (3,)), ((3,), (3,), (1,)), ((3, 1), (3, 1), (3, 1)), ((), (), ()), ((1,), (3,), (3,))],
)
def test_wrong_shapes_are_refused(clean: tuple[int], adversarial: tuple[int], labels: tuple[int]) -> None:
    with pytest.raises(ValueError, match=r"expected tensors of one shape \(B,\), got \("):
        transfer_rates(torch.zeros(clean), torch.zeros(adversarial), torch.zeros(labels))


def test_target_classes_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"of one shape \(B,\), got \(3,\), \(3,\), \(3,\), \(1,\)"):
        transfer_rates(torch.zeros(3), torch.zeros(3), torch.zeros(3), torch.zeros(1))


def test_ids_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"of one shape \(B,\), got \(3,\), \(3,\), \(3,\), \(3,\), \(2,\)"):
        transfer_rates(*[torch.zeros(3)] * 3, ids=torch.zeros(2))


ROWS = [(i, i % 3, i % 5 - 2, i % 4, i % 5 - 1) for i in range(11)]
PARTS = [ROWS[:6], ROWS[5:]]  # image 5 is seen by both processes


def count_one_part(rank: int, folder: Path) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2)
    metric = TransferMetric()
    for row in PARTS[rank]:
        metric.update(*columns([row]))
    torch.save(metric.compute(), folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_agree_with_one(tmp_path: Path) -> None:
    spawn(count_one_part, args=(tmp_path,), nprocs=2)  # type: ignore[no-untyped-call]
    whole = expected(counted([row[1:] for row in ROWS]))
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert {name: value.item() for name, value in found.items()} == pytest.approx(whole)
