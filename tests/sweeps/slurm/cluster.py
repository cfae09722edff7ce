"""A real SLURM cluster of two nodes on this machine, for as long as it is needed.

`python -m tests.sweeps.slurm.cluster -- COMMAND...` runs a command inside one. All its files are in a folder of its
own, which goes with it; the machine's own SLURM, if it has one, is left alone.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "squeue", "scontrol", "setpriv")
START_SECONDS = 30
# Debian keeps daemons where only root looks for programs.
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=2,sched_min_interval=0
JobRequeue=1
KillWait=5
MinJobAge=20
ReturnToService=2
SlurmdTimeout=20
NodeName={host} NodeAddr=127.0.0.1 Port={first_port} CPUs=4 State=UNKNOWN
NodeName=localhost NodeHostName={host} NodeAddr=127.0.0.1 Port={second_port} CPUs=4 State=UNKNOWN
PartitionName=test Nodes={host},localhost Default=YES OverSubscribe=FORCE:4 MaxTime=INFINITE State=UP
"""


class ClusterError(Exception):
    """The cluster does not come up; says what its daemons say."""


def missing() -> str | None:
    """Return why there can be no cluster here, if so."""
    absent = [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]
    if absent:
        return f"needs SLURM on this machine ({', '.join(absent)})"
    if os.geteuid() != 0:
        return "needs to be root to start SLURM"
    try:
        socket.gethostbyname(socket.gethostname())
    except OSError:
        return "needs a host name that resolves"
    return None


@contextmanager
def cluster() -> Iterator[dict[str, str]]:
    """Bring up a cluster of two nodes with four processors each, and take it down with all that runs on it.

    Yields:
        The environment in which commands find it.

    Raises:
        ClusterError: It is not up within `START_SECONDS`.
    """
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        environment = _configure(folder)
        with ExitStack() as running:
            running.callback(_kill_all_inside, environment["SLURM_CONF"])
            _start_daemons(folder, environment, running)
            yield environment


def run(*command: str | Path, inside: Mapping[str, str], seconds: float = 30) -> str:
    """Return what one of SLURM's commands prints."""
    return subprocess.run(
        command, env=dict(inside), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=seconds
    ).stdout


def wait_until(happens: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something, for so long at most.

    Raises:
        TimeoutError: It does not happen.
    """
    until = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {seconds:.0f} seconds")
        time.sleep(0.1)


def _configure(folder: Path) -> dict[str, str]:
    host = socket.gethostname()
    controller_port, first_port, second_port = _free_ports(3)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder, host=host, controller_port=controller_port, first_port=first_port, second_port=second_port
        )
    )
    for below in ("state", f"spool-{host}", "spool-localhost"):
        (folder / below).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_", "SRUN_"))}
    return {**kept, "PATH": PATH, "SLURM_CONF": str(configuration)}


def _start_daemons(folder: Path, environment: Mapping[str, str], running: ExitStack) -> None:
    until = time.monotonic() + START_SECONDS
    munge = ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", f"--key-file={folder}/munge.key"]
    munge += [f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/munge.seed"]
    daemons = [_start(munge, folder / "munged.out", environment, running)]
    _await((folder / "munge.socket").exists, daemons, until, folder)
    daemons.append(_start(["slurmctld", "-D"], folder / "slurmctld.out", environment, running))
    for node in (socket.gethostname(), "localhost"):
        daemons.append(_start(["slurmd", "-D", "-N", node], folder / f"slurmd-{node}.out", environment, running))
    _await(lambda: _idle_nodes(environment) == 2, daemons, until, folder)


def _start(
    command: list[str], output: Path, environment: Mapping[str, str], running: ExitStack
) -> subprocess.Popen[bytes]:
    with output.open("wb") as file:
        daemon = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],  # none outlives this process, however it dies
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running.callback(_end, daemon)
    return daemon


def _await(ready: Callable[[], bool], daemons: list[subprocess.Popen[bytes]], until: float, folder: Path) -> None:
    while not ready():
        if time.monotonic() > until or any(daemon.poll() is not None for daemon in daemons):
            logs = [*folder.glob("*.out"), *folder.glob("*.log")]
            tails = [f"{log.name}:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-8:]) for log in logs]
            raise ClusterError("SLURM did not come up\n" + "\n".join(tails))
        time.sleep(0.1)


def _idle_nodes(environment: Mapping[str, str]) -> int:
    try:
        states = run("sinfo", "--noheader", "--Node", "--format=%T", inside=environment, seconds=10).split()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return 0
    return states.count("idle")


def _end(daemon: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(daemon.pid, signal.SIGTERM)
    try:
        daemon.wait(timeout=5)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait(timeout=5)


def _kill_all_inside(configuration: str) -> None:
    """Kill what the cluster ran: all those, and only those, that know its configuration, but this process."""
    mark = f"SLURM_CONF={configuration}".encode()
    until = time.monotonic() + 10
    while time.monotonic() < until:
        inside = [pid for pid in _processes() if pid != os.getpid() and mark in _environment_of(pid)]
        if not inside:
            return
        for pid in inside:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _environment_of(pid: int) -> list[bytes]:
    try:
        return (Path("/proc") / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _free_ports(number: int) -> list[int]:
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _main() -> None:
    command = sys.argv[2:] if sys.argv[1:2] == ["--"] else sys.argv[1:]
    if not command:
        sys.exit("give a command: python -m tests.sweeps.slurm.cluster -- COMMAND...")
    if reason := missing():
        sys.exit(f"error: {reason}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with cluster() as environment:
            code = subprocess.run(command, env=environment, check=False).returncode
    except ClusterError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    _main()
