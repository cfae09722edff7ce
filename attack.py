"""Craft adversarial images on a surrogate and try them on targets: `python attack.py surrogate=... attack=...`."""

from naa_lightning.__main__ import attack

if __name__ == "__main__":
    attack()
