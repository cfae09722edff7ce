"""Train a surrogate or a target: `python train.py surrogate=...`."""

from naa_lightning.cli.train import main

if __name__ == "__main__":
    main()
