"""Asking a target as a LightningModule."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from naa_lightning.engine.out_of_memory import AdaptiveChunks
from naa_lightning.exceptions import UserError
from naa_lightning.models.answer import Answer, answer
from naa_lightning.models.defences import behind
from naa_lightning.models.target import Target
from naa_lightning.records import PairBatch
from naa_lightning.rng import SeededDraws


@dataclass
class Answers:
    """What a target says of a batch, on the CPU.

    Args:
        ids: (B,).
        clean: One answer (B,) per random draw.
        adversarial: As clean.
    """

    ids: Tensor
    clean: list[Answer]
    adversarial: list[Answer]


class TargetModule(LightningModule):
    """Asks a target about clean and adversarial images.

    A random defence gets the same numbers for an image as it was and as it was crafted, so that what changes the answer
    is the perturbation.

    Args:
        target: What is asked.
        model: As `target.source` builds it.
        seed: Of the run.
    """

    def __init__(self, target: Target, model: nn.Module, *, seed: int) -> None:
        super().__init__()
        self.target = target
        self.model = model
        self.seed = seed
        self.title = f"evaluating {target.name}"
        self._memory = AdaptiveChunks(self.title)

    def predict_step(self, batch: PairBatch, batch_idx: int) -> Answers:
        """Ask about a batch.

        Raises:
            UserError: The model gives something else than (B, num_classes) logits, or the memory is too small for one
                image.
        """
        ids, clean, adversarial = batch["id"], batch["clean"], batch["adversarial"]

        def ask(part: slice, size: int) -> Answers:
            return self._ask(ids[part], clean[part], adversarial[part])

        parts = self._memory.map(ask, len(ids), len(ids))
        return Answers(
            torch.cat([part.ids for part in parts]),
            clean=[_joined(answers) for answers in zip(*(part.clean for part in parts), strict=True)],
            adversarial=[_joined(answers) for answers in zip(*(part.adversarial for part in parts), strict=True)],
        )

    def _ask(self, ids: Tensor, clean: Tensor, adversarial: Tensor) -> Answers:
        draws = SeededDraws(self.seed, ids.tolist())
        ask = behind(list(self.target.defences.values()), self._ask_model, draws)
        indices = range(self.target.repeats)
        with torch.no_grad():
            return Answers(
                ids.cpu(),
                clean=[_on_cpu(ask(clean, index)) for index in indices],
                adversarial=[_on_cpu(ask(adversarial, index)) for index in indices],
            )

    def _ask_model(self, images: Tensor, index: int) -> Answer:
        logits = self.model(images)
        expected = (len(images), self.target.source.num_classes)
        if tuple(logits.shape) != expected:
            raise UserError(
                f"{self.target.name} gives logits of shape {tuple(logits.shape)}, expected {expected}: correct its "
                "num_classes"
            )
        return answer(logits)


def _joined(parts: Sequence[Answer]) -> Answer:
    return Answer(torch.cat([part.classes for part in parts]), torch.cat([part.confidence for part in parts]))


def _on_cpu(found: Answer) -> Answer:
    return Answer(found.classes.cpu(), found.confidence.cpu())
