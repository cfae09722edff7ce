"""Kills a run at random moments and starts it again: `python -m tests.chaos --images 200 --kills 20`."""

import argparse
import csv
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Saved:
    """An image that a run's manifest lists: the digest there, and which writing of the file it is."""

    sha256: str
    written: tuple[int, int]


def saved_images(folder: Path) -> dict[str, Saved]:
    """What is in a run's folder, by file name, after checking that every image listed is there, unharmed and once."""
    found: dict[str, Saved] = {}
    for manifest in (folder / "adversarial").glob("manifest*.csv"):
        with manifest.open(newline="") as file:
            lines = [line for line in file if line.endswith("\n")]
        for row in csv.DictReader(lines):
            path = folder / "adversarial" / row["file"]
            assert row["file"] not in found, f"{row['file']} is listed twice"
            assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"], f"{path} is not what was saved"
            status = path.stat()
            found[row["file"]] = Saved(row["sha256"], (status.st_ino, status.st_mtime_ns))
    return found


def listed(folder: Path) -> int:
    """How many rows a run's manifest has."""
    files = (folder / "adversarial").glob("manifest*.csv")
    return sum(max(0, file.read_bytes().count(b"\n") - 1) for file in files)


def start(folder: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start the digits example."""
    command = [sys.executable, "attack.py", "experiment=digits", "~logger", f"hydra.run.dir={folder}", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_again_and_again(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str], *, images: int, kills: int, seed: int
) -> list[int]:
    """Kill a run so many times while it crafts, then let it finish.

    Every time some images later, at random: half of the times at once, while a batch is being saved, otherwise after a
    random part of the next batch. What was saved must stay, untouched.

    Returns:
        How many images were there after each kill.
    """
    moments = random.Random(seed)
    counts: list[int] = []
    before: dict[str, Saved] = {}
    for number in range(kills):
        process = start(folder, arguments, environment)
        last = images * (number + 1) // (kills + 1)
        wanted = len(before) + moments.randint(1, max(1, last - len(before)))
        while listed(folder) < wanted:
            assert process.poll() is None, process.communicate()
            time.sleep(0.002)
        time.sleep(moments.choice([0, moments.uniform(0, 0.3)]))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "the run was done before it was killed"
        after = saved_images(folder)
        assert before.items() <= after.items(), "an image that was saved is gone, or was crafted again"
        assert not (folder / "results.json").exists()
        counts.append(len(after))
        before = after
    process = start(folder, arguments, environment)
    out, err = process.communicate(timeout=600)
    assert (process.returncode, err) == (0, ""), (out, err)
    assert before.items() <= saved_images(folder).items(), "an image that was saved is gone, or was crafted again"
    return counts


def digests(folder: Path) -> dict[str, str]:
    """Digests of a finished run's images, after checking that there is one per row and nothing else."""
    saved = saved_images(folder)
    files = {path.name for path in (folder / "adversarial").iterdir()}
    assert files == {*saved, "manifest.csv"}, f"left over: {sorted(files - set(saved))}"
    return {name: image.sha256 for name, image in saved.items()}


def main() -> None:
    """Run the proof and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("arguments", nargs="*", help="further overrides of the run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        killed, undisturbed = Path(folder) / "killed", Path(folder) / "undisturbed"
        arguments = [f"data.limit={options.images}", "data.batch_size=4", "~targets", *options.arguments]
        process = start(undisturbed, arguments, {})
        _, err = process.communicate()
        assert (process.returncode, err) == (0, ""), err
        counts = kill_again_and_again(
            killed, arguments, {}, images=options.images, kills=options.kills, seed=options.seed
        )
        assert digests(killed) == digests(undisturbed), "not the bytes of an undisturbed run"
        print(f"{len(counts)} kills, after {', '.join(map(str, counts))} of {options.images} images")  # noqa: T201
        print("nothing lost, nothing crafted twice, the bytes of an undisturbed run")  # noqa: T201


if __name__ == "__main__":
    main()
