"""The programs by one name: `python -m naa_lightning attack ...`, and likewise train, report and models."""

import sys
from importlib import import_module

PROGRAMS = {
    "attack": "naa_lightning.cli.attack",
    "train": "naa_lightning.cli.train",
    "report": "naa_lightning.cli.report",
    "models": "naa_lightning.models.__main__",
}


def main() -> None:
    """Run the program that the first word names, with the words after it."""
    program = sys.argv[1] if len(sys.argv) > 1 else None
    if program not in PROGRAMS:
        sys.exit(f"usage: python -m naa_lightning {{{','.join(PROGRAMS)}}} ...; each has --help")
    del sys.argv[1]
    import_module(PROGRAMS[program]).main()


if __name__ == "__main__":
    main()
