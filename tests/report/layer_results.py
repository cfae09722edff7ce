"""Made-up results of a study of layers."""

from collections.abc import Sequence
from typing import Any

LONG_NAMES = [f"features.denseblock{number // 6 + 1}.denselayer{number + 10}.conv2" for number in range(12)]


def layer_results(names: Sequence[str]) -> dict[str, Any]:
    """What `layers.json` holds: rates that rise to the middle and fall."""
    middle = (len(names) - 1) // 2
    layers = []
    for number, name in enumerate(names):
        mean = 0.8 - 0.6 * abs(number - middle) / len(names)
        rates = {"source": 1.0, "first": mean + 0.1, "second": mean - 0.1}
        below = mean - 0.8
        layers.append(
            {
                "name": name,
                "shape": [64, 14, 14],
                "progress": (number + 1) / len(names),
                "verdict": "recommended" if not below else "as good" if below > -0.1 else "worse",
                "black_box_mean": {"value": mean, "low": mean - 0.05, "high": mean + 0.05},
                "difference": {"value": below, "low": below - 0.1, "high": below + 0.1},
                "targets": {
                    target: {"value": rate, "low": 0.0, "high": 1.0, "count": 1, "total": 1}
                    for target, rate in rates.items()
                },
                "seconds_per_image": 1.234,
            }
        )
    return {
        "surrogate": "source",
        "attack": "naa",
        "data": "photographs",
        "images": 200,
        "rate": "success_rate",
        "white_box": ["source"],
        "recommended": names[middle],
        "layers": layers,
    }
