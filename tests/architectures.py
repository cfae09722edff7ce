"""One step of NAA, from the command line, on architectures of timm, torchvision and transformers with random weights.

`python -m tests.architectures` writes the table in `docs/architectures.md`; `--only NAME ...` prints rows of it.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import timm
import torch
import torchvision
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor, nn

from naa_lightning.atomic import write_atomically
from naa_lightning.config.building import plain_values
from naa_lightning.config.models import compose_surrogate
from naa_lightning.exceptions import UserError
from naa_lightning.models import ClassifierSource
from naa_lightning.models.candidates import named_layers
from tests.benchmarks.alone import output_of
from tests.benchmarks.subject import settle
from tests.experiments import NO_PICTURES, ROOT, composed

PAGE = ROOT / "docs" / "architectures.md"
TIMM = (
    "resnet18",
    "resnext26ts",
    "vgg11",
    "inception_v3",
    "densenet121",
    "mobilenetv3_small_100",
    "efficientnet_b0",
    "regnety_002",
    "convnext_atto",
    "vit_tiny_patch16_224",
    "deit_tiny_patch16_224",
    "swin_tiny_patch4_window7_224",
    "pit_ti_224",
    "cait_xxs24_224",
    "mobilevit_xxs",
    "mixer_s32_224",
    "visformer_tiny",
    "eva02_tiny_patch14_336",
    "ghostnet_050",
    "levit_128s",
)
TORCHVISION = ("resnet34", "googlenet", "squeezenet1_1", "shufflenet_v2_x0_5", "vit_b_32", "maxvit_t")
# With the image processor that published ones have, and the numbers of a small one.
TRANSFORMERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ViT": ("ViTImageProcessor", {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768}),
    "Dinov2": ("BitImageProcessor", {"hidden_size": 192, "num_attention_heads": 3, "image_size": 224}),
    "ConvNext": ("ConvNextImageProcessor", {"depths": [2, 2, 6, 2], "hidden_sizes": [40, 80, 160, 320]}),
    "Swin": ("ViTImageProcessor", {"embed_dim": 48}),
    "ResNet": (
        "ConvNextImageProcessor",
        {"layer_type": "basic", "depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512]},
    ),
    "MobileViT": (
        "MobileViTImageProcessor",
        {"hidden_sizes": [64, 80, 96], "neck_hidden_sizes": [16, 16, 24, 48, 64, 80, 320]},
    ),
}
HEAD = """# Architectures

`python -m tests.architectures` wrote this table: for each architecture random weights in a file, and one step of NAA
with two points of its path on two photographs, from the command line in a process of its own, with no layer named:

    naa-attack surrogate=timm surrogate.architecture=NAME surrogate.weights=FILE surrogate.layer=auto \\
        attack=naa attack.budget.steps=1 attack.objective.path_points=2 attack.temperature=100 data=folder \\
        data.root=PHOTOGRAPHS data.csv=labels.csv data.image_size=224 'targets=[]' 'logger=[]'

Those of transformers are `surrogate=huggingface surrogate.model=FOLDER`. Random weights may saturate the softmax, which
`attack.temperature` undoes. The layer is the one that `surrogate.layer=auto` takes, with the shape of its output for
one image. Seconds are those of the whole command on two CPU cores that other programs may share. In the last column
stand the images whose gradient was not zero, and the largest change of a pixel; the budget is 16/255.

| library | architecture | parameters | layer | shape | seconds | gradients, change |
|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Written:
    """A network in a file.

    Args:
        parameters: How many it has.
        words: What names it on the command line, as a surrogate.
    """

    parameters: int
    words: Sequence[str]


def of_timm(name: str, folder: Path, photographs: Tensor) -> Written:
    """Write a network's weights as training code does."""
    published = timm.get_pretrained_cfg(name)
    assert published is not None
    return _weights("timm", name, timm.create_model(name), folder, photographs, published.input_size[-1])


def of_torchvision(name: str, folder: Path, photographs: Tensor) -> Written:
    """Write a network's weights as training code does."""
    options = {"init_weights": True} if name == "googlenet" else {}  # else it warns
    network = torchvision.models.get_model(name, **options)
    return _weights("torchvision", name, network, folder, photographs, 224)


def of_transformers(name: str, folder: Path, photographs: Tensor) -> Written:
    """Write a network as transformers does."""
    import transformers  # noqa: PLC0415 - slow to load

    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    processor, numbers = TRANSFORMERS[name]
    config = getattr(transformers, f"{name}Config")(num_labels=1000, **numbers)
    network = getattr(transformers, f"{name}ForImageClassification")(config)
    _settle(network, photographs, getattr(config, "image_size", 224))
    network.save_pretrained(folder / "model")
    getattr(transformers, processor)().save_pretrained(folder / "model")
    return Written(network.num_parameters(), ["surrogate=huggingface", f"surrogate.model={folder / 'model'}"])


def _weights(library: str, name: str, network: nn.Module, folder: Path, photographs: Tensor, size: int) -> Written:
    _settle(network, photographs, size)
    torch.save(network.state_dict(), folder / "weights.pth")
    words = [f"surrogate={library}", f"surrogate.architecture={name}", f"surrogate.weights={folder / 'weights.pth'}"]
    return Written(sum(parameter.numel() for parameter in network.parameters()), words)


def _settle(network: nn.Module, photographs: Tensor, size: int) -> None:
    """Take care that gradients flow: with statistics of images along the path, and a head that is not zero."""
    for value in network.parameters():
        if value.dim() == 2 and not value.any():
            nn.init.normal_(value, std=0.02)
    images = nn.functional.interpolate(photographs, [size, size])
    noisy = images + 0.1 * torch.randn(images.shape)
    settle(network.eval(), 2 * torch.cat([images, noisy, images / 3, torch.zeros_like(images)]) - 1)


Write = Callable[[str, Path, Tensor], Written]
WRITERS: dict[str, tuple[str, Write]] = {
    **dict.fromkeys(TIMM, ("timm", of_timm)),
    **dict.fromkeys(TORCHVISION, ("torchvision", of_torchvision)),
    **dict.fromkeys(TRANSFORMERS, ("transformers", of_transformers)),
}


def write_photographs(folder: Path) -> Tensor:
    """Write scikit-learn's two photographs with labels, and return them as (2, 3, 427, 640) in [0, 1]."""
    folder.mkdir()
    pixels = load_sample_images().images
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{number}.png")
    (folder / "labels.csv").write_text("filename,label\n0.png,497\n1.png,985\n")  # a church, a daisy
    return torch.stack([torch.tensor(image).permute(2, 0, 1) for image in pixels]) / 255


def attacked(name: str, folder: Path) -> str:
    """Attack an architecture from the command line, and return its row of the table.

    Args:
        name: One of `WRITERS`.
        folder: Empty.

    Raises:
        UserError: The program fails; the message is its own.
    """
    library, write = WRITERS[name]
    photographs = write_photographs(folder / "images")
    torch.manual_seed(0)
    written = write(name, folder, photographs)
    words = [*written.words, "surrogate.layer=auto"]
    attack = ["attack=naa", "attack.budget.steps=1", "attack.objective.path_points=2", "attack.temperature=100"]
    data = ["data=folder", f"data.root={folder / 'images'}", "data.csv=labels.csv", "data.image_size=224"]
    rest = ["data.num_workers=0", "trainer=cpu", "targets=[]", "logger=[]", f"hydra.run.dir={folder / 'run'}"]
    start = time.perf_counter()
    output_of([sys.executable, "attack.py", *words, *attack, *data, *rest, *NO_PICTURES])
    seconds = time.perf_counter() - start
    crafting = json.loads((folder / "run" / "crafting.json").read_text(encoding="utf-8"))
    results = json.loads((folder / "run" / "results.json").read_text(encoding="utf-8"))
    (layer,) = crafting["layers"].values()
    surrogate = compose_surrogate(plain_values(composed(*words))["surrogate"])
    assert isinstance(surrogate, ClassifierSource)
    (candidate,) = named_layers(surrogate.build(), photographs[:1, :, :224, :224], [layer])
    change = pd.read_parquet(folder / "run" / "perturbations.parquet")["linf"]
    moved = len(photographs) - results["gradients"]["zero"] - results["gradients"]["non_finite"]
    cells = [
        library,
        f"`{name}`",
        f"{written.parameters / 1e6:.1f} M",
        f"`{layer}`",
        " x ".join(map(str, candidate.shape)),
        f"{seconds:.0f}",
        f"{moved} of {len(photographs)}, {255 * change.max():.0f}/255",
    ]
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Attack architectures, print their rows, and write the page where all were attacked.

    Args:
        arguments: Of the command line; None: the program's own.

    Raises:
        SystemExit: An architecture is unknown, or cannot be attacked.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.architectures", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=WRITERS, help=f"some of {', '.join(WRITERS)}")
    parser.add_argument("--out", type=Path, default=PAGE, help="default: %(default)s")
    options = parser.parse_args(arguments)
    rows, failed = [], []
    for name in options.only or WRITERS:
        with TemporaryDirectory() as folder:
            try:
                rows.append(attacked(name, Path(folder)))
                print(rows[-1], flush=True)  # noqa: T201
            except UserError as error:
                failed.append(f"{name} cannot be attacked: {error}")
                print(failed[-1], flush=True)  # noqa: T201
    if failed:
        sys.exit("\n".join(failed))
    if options.only is None:
        write_atomically(options.out, HEAD + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
