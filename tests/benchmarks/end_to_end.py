"""`attack.py` as a user runs it: images are read, attacked and written."""

import csv
import json
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors.torch import save_file

from tests.benchmarks.alone import output_of
from tests.benchmarks.settings import EPS, Settings
from tests.benchmarks.subject import random_images, random_labels, random_surrogate
from tests.experiments import NO_PICTURES


class Workplace:
    """What runs share, in a folder: random images with labels, and the network's weights.

    Args:
        folder: Empty.
        settings: Network, points, steps, device, and in `images` how many go through it together.
        most: How many images there are.
    """

    def __init__(self, folder: Path, settings: Settings, most: int) -> None:
        self.folder = folder
        self.settings = settings
        self._weights = folder / "weights.safetensors"
        state = random_surrogate(settings).network.state_dict()
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, self._weights)
        (folder / "images").mkdir()
        with (folder / "images" / "labels.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["filename", "label"])
            labels = random_labels(settings, most).tolist()
            for number, (image, label) in enumerate(zip(random_images(settings, most), labels, strict=True)):
                Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / "images" / f"{number}.png")
                rows.writerow([f"{number}.png", label])

    def craft(self, images: int, ranks: int = 1) -> dict[str, Any]:
        """Run `attack=naa` on the first images.

        Returns:
            `seconds` of the whole program, its start and the surrogate's answers included; `crafting_seconds` of the
            attack alone, summed over processes; `peak_bytes` of the largest process, as in `memory`.

        Raises:
            UserError: The program fails; the message is its own.
        """
        run = self.folder / f"run-{images}-{ranks}"
        accelerator = "gpu" if self.settings.device == "cuda" else "cpu"
        words = [
            f"surrogate={self.settings.network}",
            f"surrogate.weights={self._weights}",
            "attack=naa",
            f"attack.objective.path_points={self.settings.points}",
            f"attack.budget.steps={self.settings.steps}",
            f"attack.budget.eps={EPS}",
            "data=folder",
            f"data.root={self.folder / 'images'}",
            "data.csv=labels.csv",
            f"data.limit={images}",
            f"data.batch_size={self.settings.images}",
            "trainer=ddp",
            f"trainer.devices={ranks}",
            f"trainer.accelerator={accelerator}",
            "~targets",
            "~logger",
            f"hydra.run.dir={run}",
            *NO_PICTURES,
        ]
        start = time.perf_counter()
        output_of([sys.executable, "attack.py", *words])
        seconds = time.perf_counter() - start
        cost = json.loads((run / "results.json").read_text(encoding="utf-8"))["cost"]
        return {
            "seconds": seconds,
            "crafting_seconds": images * cost["seconds_per_image"],
            "peak_bytes": cost["peak_memory_bytes"],
        }
