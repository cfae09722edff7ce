"""Train a surrogate or a target: `python train.py surrogate=...`."""

from naa_lightning.__main__ import train

if __name__ == "__main__":
    train()
