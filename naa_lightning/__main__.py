"""The programs by one name: `python -m naa_lightning attack ...`, and likewise train, report and models."""

import sys
from functools import partial
from importlib import import_module

from naa_lightning.distributed.stopping import handle_stop_signals
from naa_lightning.standard_streams import survive_closed_pipes

PROGRAMS = {
    "attack": "naa_lightning.cli.attack",
    "train": "naa_lightning.cli.train",
    "report": "naa_lightning.cli.report",
    "models": "naa_lightning.cli.models",
}


def run(program: str) -> None:
    """Load and run a program, which takes seconds, once Ctrl-C is understood."""
    handle_stop_signals()
    survive_closed_pipes()
    import_module(PROGRAMS[program]).main()


attack, train, report, models = (partial(run, program) for program in PROGRAMS)


def main() -> None:
    """Run the program that the first word names, with the words after it."""
    program = sys.argv[1] if len(sys.argv) > 1 else None
    if program not in PROGRAMS:
        sys.exit(f"usage: python -m naa_lightning {{{','.join(PROGRAMS)}}} ...; each has --help")
    del sys.argv[1]
    run(program)


if __name__ == "__main__":
    main()
