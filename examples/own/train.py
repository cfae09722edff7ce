"""Train the network in two widths on a folder of images, in plain PyTorch, and save a checkpoint of each."""

import torch
from network import Reader
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

EPOCHS = 5

look = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)])
training = DataLoader(ImageFolder("images/train", look), batch_size=64, shuffle=True)
validation = DataLoader(ImageFolder("images/val", look), batch_size=64)


def train(width: int) -> None:
    """Train a network and save its last epoch."""
    torch.manual_seed(width)
    network = Reader(width)
    optimizer = torch.optim.AdamW(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, EPOCHS * len(training))
    for epoch in range(EPOCHS):
        network.train()
        for images, labels in training:
            optimizer.zero_grad()
            F.cross_entropy(network(images), labels, label_smoothing=0.1).backward()
            optimizer.step()
            schedule.step()
        print(f"width {width}, epoch {epoch + 1}: {100 * accuracy(network):.1f} % right")
    torch.save({"state_dict": network.state_dict(), "epoch": EPOCHS}, f"width{width}.pth")


@torch.no_grad()
def accuracy(network: Reader) -> float:
    """Return the share of validation images that a network gets right."""
    network.eval()
    hits = [network(images).argmax(1) == labels for images, labels in validation]
    return torch.cat(hits).float().mean().item()


for width in (12, 16):
    train(width)
