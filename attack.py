"""Craft adversarial images on a surrogate and try them on targets: `python attack.py surrogate=... attack=...`."""

from naa_lightning.cli.attack import main

if __name__ == "__main__":
    main()
