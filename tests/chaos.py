"""Disturbs a run at random moments and starts it again, until it is done.

`python -m tests.chaos --images 200 --kills 20 --interrupts 10 --losses 6`, with `--photos FOLDER --zoo FOLDER` for
photographs in the competition's format on MobileNetV2 instead of digits; `--pairs 20` starts two attacks in one folder.
"""

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
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIGITS = ["experiment=digits", "~logger"]
TWO_RANKS = ["trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu"]
KILL, INTERRUPT, LOSS = "SIGKILL", "Ctrl-C", "rank lost"


def photographs(images: Path, zoo: Path) -> list[str]:
    """The run on photographs."""
    return [
        "surrogate=timm",
        "surrogate.name=mobilenetv2",
        "surrogate.architecture=mobilenetv2_100",
        f"surrogate.weights={zoo}/mobilenetv2_100_tfqat.safetensors",
        "surrogate.create_kwargs={pad_type: same}",
        "surrogate.mean=[0.5,0.5,0.5]",
        "surrogate.std=[0.5,0.5,0.5]",
        "surrogate.input_size=[224,224]",
        "surrogate.antialias=false",
        "surrogate.layer=blocks.3",
        "targets=[]",
        "logger=[]",
        "attack=mim",
        f"data.root={images}",
        "data.download=false",
    ]


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


def start(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str], base: Sequence[str] = DIGITS
) -> subprocess.Popen[str]:
    """Start a run, by default the digits example, as the first of a group of processes."""
    command = [sys.executable, "attack.py", *base, f"hydra.run.dir={folder}", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ranks_of(pid: int) -> list[int]:
    """The processes that a run has started to be its ranks."""
    lines = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)]  # -ww: however narrow the terminal
    found = subprocess.run(lines, capture_output=True, text=True, check=True)
    return [int(line.split()[0]) for line in found.stdout.splitlines() if "spawn_main" in line]


def disturb(process: subprocess.Popen[str], kind: str, moments: random.Random) -> None:
    """Disturb a run in one way, wait for its end and check how it ends."""
    match kind:
        case "SIGKILL":
            process.send_signal(signal.SIGKILL)
        case "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        case _:
            os.kill(moments.choice(ranks_of(process.pid)), signal.SIGKILL)
    out, err = process.communicate(timeout=600)
    code = {KILL: -signal.SIGKILL, INTERRUPT: 130, LOSS: 1}[kind]
    words = {KILL: "", INTERRUPT: "stopped by Ctrl-C", LOSS: "was killed (SIGKILL); what is saved so far is kept"}[kind]
    assert process.returncode == code, f"{kind}: exit code {process.returncode}, not {code}: {out}{err}"
    assert words in err, f"{kind}: {err}"
    assert "Traceback" not in err, err


def disturb_again_and_again(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    kinds: Sequence[str],
    *,
    images: int,
    seed: int,
    base: Sequence[str] = DIGITS,
    at_start_up: bool = False,
) -> list[int]:
    """Disturb a run so many times, then let it finish.

    Every time some images later, at random: half of the times at once, while a batch is being saved, otherwise after a
    random part of the next batch. What was saved must stay, untouched. Of two ranks, the loss of one is a disturbance.

    Args:
        folder: Folder of the run.
        arguments: Overrides of the run.
        environment: Variables of its environment.
        kinds: Disturbances, in order: `KILL`, `INTERRUPT` and `LOSS`.
        images: Number of images.
        seed: Seed of the moments.
        base: Overrides before those.
        at_start_up: Whether kills and interrupts also come some seconds after the start, at random, at one in three.

    Returns:
        How many images were there after each disturbance.
    """
    moments = random.Random(seed)
    counts: list[int] = []
    before: dict[str, Saved] = {}
    for number, kind in enumerate(kinds):
        process = start(folder, [*arguments, *(TWO_RANKS if kind == LOSS else [])], environment, base)
        if at_start_up and kind != LOSS and moments.random() < 1 / 3:
            time.sleep(moments.uniform(1, 6))
        else:
            last = images * (number + 1) // (len(kinds) + 1)
            wanted = len(before) + moments.randint(1, max(1, last - len(before)))
            while listed(folder) < wanted:
                assert process.poll() is None, process.communicate()
                time.sleep(0.002)
            time.sleep(moments.choice([0, moments.uniform(0, 0.3)]))
        disturb(process, kind, moments)
        after = saved_images(folder)
        assert before.items() <= after.items(), "an image that was saved is gone, or was crafted again"
        assert not (folder / "results.json").exists()
        counts.append(len(after))
        before = after
    process = start(folder, arguments, environment, base)
    out, err = process.communicate(timeout=3600)
    assert (process.returncode, err) == (0, ""), (out, err)
    assert before.items() <= saved_images(folder).items(), "an image that was saved is gone, or was crafted again"
    return counts


def digests(folder: Path) -> dict[str, str]:
    """Digests of a finished run's images, after checking that there is one per row and nothing else."""
    saved = saved_images(folder)
    made = folder / "adversarial"
    files = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    assert files == {*saved, "manifest.csv"}, f"left over: {sorted(files - set(saved))}"
    return {name: image.sha256 for name, image in saved.items()}


def start_pair(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str], moments: random.Random
) -> tuple[str, str]:
    """Start two attacks in one folder within some seconds of each other, at random.

    One of them must go through, and the other be refused. `digests` of the folder must then be those of the first.

    Returns:
        The attack that went through, and the words by which the other one was refused.
    """
    names = moments.sample(["mim", "fgsm"], 2)
    processes = []
    for name in names:
        processes.append(start(folder, [f"attack={name}", *arguments], environment))
        time.sleep(moments.choice([0, moments.uniform(0, 3), moments.uniform(0, 20)]))
    ends = {name: (process, *process.communicate(timeout=600)) for name, process in zip(names, processes, strict=True)}
    refused = {name: err for name, (process, _, err) in ends.items() if process.returncode == 1}
    (done,) = (name for name, (process, _, _) in ends.items() if process.returncode == 0)
    (words,) = refused.values()
    assert "is in use by process" in words or "crafted with another configuration" in words, words
    assert "Traceback" not in words, words
    return done, "in use" if "is in use" in words else "another configuration"


def main() -> None:
    """Run the proof and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20, help="SIGKILLs")
    parser.add_argument("--interrupts", type=int, default=0, help="Ctrl-C, as a terminal sends it")
    parser.add_argument("--losses", type=int, default=0, help="SIGKILLs of one of two ranks")
    parser.add_argument("--pairs", type=int, default=0, help="pairs of attacks that are started in one folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--photos", type=Path, help="folder with dev_dataset.csv and images/, instead of digits")
    parser.add_argument("--zoo", type=Path, help="folder with mobilenetv2_100_tfqat.safetensors, for --photos")
    parser.add_argument("arguments", nargs="*", help="further overrides of the run")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored by the runs, as in a shell's background
    if (options.photos is None) != (options.zoo is None):
        parser.error("give both --photos and --zoo, or neither")
    for path in (options.photos and options.photos / "dev_dataset.csv", options.zoo):
        if path is not None and not path.exists():
            parser.error(f"{path} is not there")
    base = DIGITS if options.photos is None else photographs(options.photos, options.zoo)
    kinds = [KILL] * options.kills + [INTERRUPT] * options.interrupts + [LOSS] * options.losses
    random.Random(options.seed).shuffle(kinds)
    with tempfile.TemporaryDirectory() as folder:
        disturbed, undisturbed = Path(folder) / "disturbed", Path(folder) / "undisturbed"
        arguments = [f"data.limit={options.images}", "data.batch_size=2", "targets=[]", *options.arguments]
        process = start(undisturbed, arguments, {}, base)
        _, err = process.communicate()
        assert (process.returncode, err) == (0, ""), err
        counts = disturb_again_and_again(
            disturbed, arguments, {}, kinds, images=options.images, seed=options.seed, base=base, at_start_up=True
        )
        assert digests(disturbed) == digests(undisturbed), "not the bytes of an undisturbed run"
        if kinds:
            total = ", ".join(f"{count} times {kind}" for kind, count in Counter(kinds).items())
            print(f"{total}; images after each, of {options.images}: {', '.join(map(str, counts))}")  # noqa: T201
            print("nothing lost, nothing crafted twice, the bytes of an undisturbed run")  # noqa: T201
        if options.pairs:
            print(pairs(Path(folder), ["data.limit=8", "targets=[]", *options.arguments], options))  # noqa: T201


def pairs(folder: Path, arguments: Sequence[str], options: argparse.Namespace) -> str:
    """Start pairs of attacks in a folder each, and say how they ended."""
    alone = {}
    for name in ("mim", "fgsm"):
        process = start(folder / name, [f"attack={name}", *arguments], {})
        assert process.wait() == 0, process.communicate()
        alone[name] = digests(folder / name)
    moments, ends = random.Random(options.seed), Counter[str]()
    for number in range(options.pairs):
        done, how = start_pair(folder / str(number), arguments, {}, moments)
        assert digests(folder / str(number)) == alone[done], "mixed"
        ends[how] += 1
    told = ", ".join(f"{count} times by {how}" for how, count in ends.items())
    return f"{options.pairs} pairs of starts in one folder, none mixed; the second refused {told}"


if __name__ == "__main__":
    main()
