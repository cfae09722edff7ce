"""Measure how fast crafting is, and in how much memory: `python -m tests.benchmarks`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import torch
from rich.console import Console

from naa_lightning.atomic import write_atomically
from naa_lightning.exceptions import UserError, in_one_line
from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.figure import draw_scaling
from tests.benchmarks.jobs import Job, do_all
from tests.benchmarks.machine import machine
from tests.benchmarks.memory import alone
from tests.benchmarks.peak import float32_as_such, measured_peak
from tests.benchmarks.race import Race
from tests.benchmarks.scaling import SCALED, START, Extent, Scaling
from tests.benchmarks.settings import EPS, SEED, Settings
from tests.benchmarks.table import contenders_table, title_of
from tests.experiments import NETWORKS


class _OneLine(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.exit(f"error: {message}")


def main(arguments: Sequence[str] | None = None, extent: Extent | None = None) -> None:
    """Measure, and write `benchmark.json` and perhaps `scaling.svg`.

    Args:
        arguments: Of the command line; None: the program's own.
        extent: Of `--scaling`; None: the usual one.

    Raises:
        SystemExit: An option is refused, or the folder cannot be written.
    """
    options = _parser().parse_args(arguments)
    try:
        benchmark(options, extent or Extent())
    except (UserError, OSError) as error:
        sys.exit(f"error: {in_one_line(error)}")


def _parser() -> argparse.ArgumentParser:
    parser = _OneLine(
        prog="python -m tests.benchmarks",
        description="Measure how fast adversarial images are crafted, and in how much memory, against the package "
        "torchattack and a plain loop, on a network with random weights.",
    )
    parser.add_argument("--network", default="inception_v3", help=f"default: inception_v3; of {', '.join(NETWORKS)}")
    parser.add_argument("--images", type=int, default=4, help="per run; default: 4")
    parser.add_argument("--rounds", type=int, default=5, help="in which each contender runs once; default: 5")
    parser.add_argument("--points", type=int, default=30, help="on NAA's path, and FIA's masks; default: 30")
    parser.add_argument("--steps", type=int, default=10, help="of every attack but naa_fast; default: 10")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--only", nargs="+", metavar="CONTENDER", help=f"some of {', '.join(CONTENDERS)}")
    parser.add_argument("--scaling", action="store_true", help="also over images, points, batch size and processes")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmark"), help="folder; default: %(default)s")
    return parser


def benchmark(options: argparse.Namespace, extent: Extent) -> None:
    """Do what the command line asks.

    Raises:
        UserError: An option is refused.
    """
    float32_as_such()
    contenders = _contenders(options)
    if options.rounds < 1:
        raise UserError(f"--rounds must be at least 1, got {options.rounds}")
    usual = "cuda" if torch.cuda.is_available() else "cpu"
    settings = Settings(
        network=options.network,
        images=options.images,
        points=options.points,
        steps=options.steps,
        device=usual if options.device == "auto" else options.device,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    console = Console()
    race = Race(contenders, settings, options.rounds)
    memory: dict[str, dict[str, Any]] = {}
    peaks: list[dict[str, dict[str, float]]] = []
    with TemporaryDirectory() as folder:
        jobs = [Job("the device's peak", START, lambda: peaks.append(measured_peak(settings.device))), *race.jobs()]
        jobs += [_memory_job(name, settings, race, memory) for name in contenders]
        scaling = Scaling([name for name in SCALED if name in contenders], settings, extent, Path(folder))
        if options.scaling:
            jobs += scaling.jobs()
        failed = do_all(jobs, console)
    results = {
        "machine": machine(settings.device),
        "settings": {
            **asdict(settings),
            "layers": settings.layers,
            "size": settings.size,
            "eps": EPS,
            "seed": SEED,
            "rounds": options.rounds,
        },
        "peak_operations_per_second": peaks[0],
        "contenders": {name: {**result, "memory": memory.get(name)} for name, result in race.results(peaks[0]).items()},
        "failed": race.failed | failed,
        "scaling": scaling.found if options.scaling else None,
    }
    _tell(results, options.out, console)


def _tell(results: dict[str, Any], folder: Path, console: Console) -> None:
    write_atomically(folder / "benchmark.json", json.dumps(results, indent=2) + "\n")
    if results["scaling"] is not None:
        draw_scaling(folder / "scaling.svg", results["scaling"], title_of(results))
    console.print(contenders_table(results))
    for name, reason in results["failed"].items():
        console.print(f"{name} cannot be measured: {reason}", soft_wrap=True, markup=False)
    console.print(f"results: {folder}", soft_wrap=True, markup=False, highlight=False)


def _contenders(options: argparse.Namespace) -> list[str]:
    for name in options.only or ():
        if name not in CONTENDERS:
            raise UserError(f"--only must name some of {', '.join(CONTENDERS)}, got {name}")
    chosen = [name for name in CONTENDERS if options.only is None or name in options.only]
    if options.scaling and not set(SCALED) & set(chosen):
        raise UserError(f"--scaling measures {' and '.join(SCALED)}: name one of them in --only as well")
    return chosen


def _memory_job(name: str, settings: Settings, race: Race, memory: dict[str, dict[str, Any]]) -> Job:
    def measure() -> None:
        if name not in race.failed:
            memory[name] = alone(name, settings)

    return Job(f"memory of {name}", START + 2 * settings.images * CONTENDERS[name].gradients(settings), measure)


if __name__ == "__main__":
    main()
