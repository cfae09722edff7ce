"""The Neuron Attribution-based Attack (NAA; Zhang et al., CVPR 2022, arXiv:2204.00008), equation by equation.

Plain PyTorch, nothing else thought of; `python examples/naa_from_the_paper.py` attacks a small random network.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def naa(
    logits: Callable[[Tensor], Tensor],
    layer: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    eps: float = 16 / 255,
    steps: int = 10,
    points: int = 30,
    gamma: float = 1.0,
) -> Tensor:
    """Craft adversarial images by the paper's equations 5 to 9, with identities for f_p and f_n.

    Args:
        logits: The surrogate, from images in [0, 1] to logits (B, K), its parameters frozen.
        layer: The attacked layer of the surrogate.
        images: Clean images x of shape (B, 3, H, W) in [0, 1].
        labels: True classes of shape (B,).
        eps: The largest change of a pixel value.
        steps: The number T of steps, of the size eps / T each.
        points: The number N of points on the path from a black image to x.
        gamma: The weight of the negative attribution.
    """
    kept: dict[str, Tensor] = {}
    hook = layer.register_forward_hook(lambda _layer, _inputs, output: kept.update(y=output))

    # Equation 5: the gradient of the class probability at the layer's neurons, averaged over the path.
    total = torch.zeros((), device=images.device)
    for point in range(1, points + 1):
        on_path = (images * point / points).requires_grad_()
        probability = logits(on_path).softmax(1).gather(1, labels[:, None])
        total = total + torch.autograd.grad(probability.sum(), kept["y"])[0]
    integrated_attention = total / points

    logits(torch.zeros_like(images))
    y_black = kept["y"]

    adversarial, momentum = images.clone(), torch.zeros_like(images)
    for _ in range(steps):
        adversarial.requires_grad_()
        logits(adversarial)
        # Equation 7: a neuron's attribution is its change from the black image, times that gradient.
        attribution = (kept["y"] - y_black) * integrated_attention
        # Equation 9: positive attribution shall fall, negative attribution shall rise.
        weighted = attribution.clamp_min(0).sum() - gamma * (-attribution).clamp_min(0).sum()
        # MI-FGSM descends it within the budget.
        gradient = torch.autograd.grad(weighted, adversarial)[0]
        momentum = momentum + gradient / gradient.abs().mean((1, 2, 3), keepdim=True)
        adversarial = adversarial.detach() - eps / steps * momentum.sign()
        adversarial = adversarial.clamp(images - eps, images + eps).clamp(0, 1)
    hook.remove()
    return adversarial


def main() -> None:
    """Attack a random network and print what became of the true classes' probabilities."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU())
    network = nn.Sequential(body, nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 13 * 13, 10))
    network.requires_grad_(False)
    images = torch.rand(4, 3, 32, 32)
    labels = network(images).argmax(1)
    adversarial = naa(network, body, images, labels)
    for name, shown in (("clean", images), ("adversarial", adversarial)):
        probability = network(shown).softmax(1).gather(1, labels[:, None]).mean()
        print(f"mean probability of the true class on {name} images: {probability:.3f}")
    print(f"largest change of a pixel value: {255 * (adversarial - images).abs().max():.1f}/255")


if __name__ == "__main__":
    main()
