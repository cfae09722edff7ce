"""Sizes of perturbations as a LightningModule's predict step."""

from typing import Any

import torch
from torch import nn

from naa_lightning.engine.out_of_memory import AdaptiveChunks
from naa_lightning.metrics import PerturbationSizes, perturbation_sizes
from naa_lightning.modules.image_module import ImageModule
from naa_lightning.records import PairBatch
from naa_lightning.records.image_digest import image_digest


class PerturbationModule(ImageModule):
    """Compares adversarial images with clean ones.

    Args:
        lpips: Network of the LPIPS distance; None leaves it out.
        title: Name of the work in progress bars and messages.
    """

    def __init__(self, lpips: nn.Module | None, *, title: str) -> None:
        super().__init__()
        self.lpips = lpips
        self.title = title
        self._memory = AdaptiveChunks(title)

    def predict_step(self, batch: PairBatch, batch_idx: int) -> dict[str, Any]:
        """Measure a batch, in full precision whatever the trainer's.

        Args:
            batch: Clean and adversarial images.
            batch_idx: Number of the batch in this pass over the data.

        Returns:
            Image ids under "id", and the sizes by their names in `PerturbationSizes`, each of shape (B,), on the CPU;
            and the digests under "clean_sha256" and "adversarial_sha256", see `PerturbationRow`.

        Raises:
            UserError: The memory is too small for one image.
        """
        ids, clean, adversarial = batch["id"], batch["clean"], batch["adversarial"]

        def measure(part: slice, size: int) -> PerturbationSizes:
            with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
                return perturbation_sizes(clean[part], adversarial[part], self.lpips)

        parts = [vars(sizes) for sizes in self._memory.map(measure, len(ids), len(ids))]
        sizes = {name: torch.cat([part[name].cpu() for part in parts]) for name in parts[0]}
        digests = {
            f"{kind}_sha256": [image_digest(image) for image in batch[kind]] for kind in ("clean", "adversarial")
        }
        return {"id": ids.cpu(), **sizes, **digests}
