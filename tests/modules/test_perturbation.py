"""Perturbations are measured in full precision, also where the trainer's is not."""

import torch

from naa_lightning.modules.perturbation import PerturbationModule
from naa_lightning.records import PairBatch


def test_reduced_precision_changes_nothing() -> None:
    clean = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    batch: PairBatch = {"clean": clean, "adversarial": (clean + 0.03).clamp(0, 1), "id": torch.tensor([4, 7])}
    module = PerturbationModule(None, title="measuring")
    usual = module.predict_step(batch, 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = module.predict_step(batch, 0)
    assert usual["id"].tolist() == [4, 7]
    for kind in ("clean", "adversarial"):
        assert reduced.pop(f"{kind}_sha256") == usual.pop(f"{kind}_sha256")
    for name, values in usual.items():
        torch.testing.assert_close(reduced[name], values, rtol=0, atol=0, equal_nan=True)
