"""What a board costs: over what a round takes there, in the command's memory, and in what is measured.

Run it with `make check-boards`; it needs Debian's openssh-server (/usr/sbin/sshd), asyncssh, and the package index. The
board is this machine itself, reached over SSH on the loopback address, with a home of its own, and the packages that
pip gets for it; then with the packages that are installed here, by the same Python. It prints figures and judges
nothing: two cores that others use make both kinds of rounds slow.

- cost: 200 rounds of one node each; the time from asking for a round to having its outcome, less the time that the
  round itself took on the board, by the board's clock.
- memory: resident, of this process and of the one on the board that waits, after 50 such rounds and after 1,000.
- agreement: one file timed here and on the board in turn, a round each; the ratio of their medians, with a 95 %
  interval over the pairs.
"""

import argparse
import contextlib
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, median, stdev
from unittest.mock import patch

import asyncssh
import psutil
from scipy.stats import t

from effmod_bench.fleet import supply
from effmod_bench.fleet.address import Address
from effmod_bench.fleet.board import Board
from effmod_bench.fleet.supplies import Archive, _archive
from effmod_bench.instrument import rounds
from effmod_bench.instrument.clock import time_once
from effmod_bench.instrument.machine.machine import read_machine
from effmod_bench.instrument.place import Here, Place
from effmod_bench.instrument.process.messages import Timed
from effmod_bench.instrument.schedule import Turn
from effmod_bench.instrument.subject import Subject
from effmod_bench.targets.subjects import file_subject
from results import BenchPlan
from tests.benchmarks.figures import write_figures
from tests.fakes import write_onnx

SSHD = Path("/usr/sbin/sshd")
_JOBS, _SETTLED = 1000, 50
_COST_OF = 200
_PAIRS, _RUNS = 60, 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", action="store_true", help="write the figures beside this script")
    parser.add_argument("--jobs", type=int, default=_JOBS, help="rounds over which memory is looked at")
    parser.add_argument("--pairs", type=int, default=_PAIRS, help="rounds here, each with one on the board")
    asked = parser.parse_args()
    if not SSHD.exists():
        sys.exit(f"{SSHD} is not here; apt install openssh-server")
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny = file_subject(write_onnx(folder / "tiny.onnx"), {}, batch_size=1)
        larger = file_subject(write_onnx(folder / "larger.onnx", shape=(1, 16, 224, 224), nodes=8), {}, batch_size=1)
        for packages in ("downloaded", "installed here"):
            with loopback_board(folder / packages.replace(" ", "-"), installed=packages != "downloaded") as board:
                if packages == "downloaded":
                    rows += cost(board, tiny, asked.jobs)
                rows.append(agreement(board, larger, asked.pairs, packages))
    if asked.csv:
        write_figures(__file__, rows)


@contextlib.contextmanager
def loopback_board(folder: Path, *, installed: bool) -> Iterator[Board]:
    """This machine as a board.

    Args:
        installed: with this Python and its packages; otherwise with the system's, and what pip gets for that.
    """
    home, user = folder / "home", folder / "user"
    home.mkdir(parents=True)
    (user / ".ssh").mkdir(parents=True)
    for path in (folder / "host", user / ".ssh" / "id_ed25519"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(os.fspath(path))
        path.chmod(0o600)
        if path.name == "host":
            host = key.export_public_key().decode()
    key.write_public_key(os.fspath(folder / "authorized"))
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    (user / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}")
    python = f" PATH={folder / 'bin'}:/usr/bin:/bin" if installed else ""
    if installed:
        (folder / "bin").mkdir()
        (folder / "bin" / "python3").symlink_to(os.path.realpath(sys.executable))
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {folder / 'authorized'}\nSetEnv HOME={home} EFFMOD_LOCK={folder / 'lock'}{python}\n"
    )
    os.makedirs("/run/sshd", exist_ok=True)  # noqa: PTH103 - sshd insists on it
    server = subprocess.Popen([SSHD, "-D", "-f", folder / "config", "-E", folder / "log"])
    changed = {"HOME": os.fspath(user)}
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(patch.dict(os.environ, changed))
            if installed:
                stack.enter_context(patch.object(supply, "packages_for", lambda _: _installed(folder)))
            _wait_for(port)
            address = Address(name="board 1", host="127.0.0.1", port=port)
            board = Board(address, token=os.urandom(8).hex(), wait=True, say=print)
            board.open()
            if board.lost:
                sys.exit(f"the board cannot be used: {board.lost}")
            try:
                yield board
            finally:
                board.close()
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)


def _wait_for(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)


def _installed(folder: Path) -> Archive:
    path = folder / "packages.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("installed.pth", "\n".join(each for each in sys.path if each.endswith("site-packages")))
    return _archive(path)


def time_round(place: Place, subject: Subject, runs: int, warmup: int) -> tuple[Timed, float]:
    """A round, and how long it took by the clock of the place, in seconds."""
    plan = BenchPlan(runs=runs, rounds=1, warmup_runs=warmup, threads=1)
    job = rounds._job(subject, Turn(subject=0, index=1, runs=runs, plan=plan), place)
    watched = place.time(job, [subject], on_warm=lambda _: None, tick=lambda _: None, timeout_s=None)
    if not isinstance(watched.outcome, Timed) or watched.environment.conditions is None:
        sys.exit(f"a round failed: {watched.outcome}")
    return watched.outcome, watched.environment.conditions.elapsed_s


def cost(board: Board, subject: Subject, jobs: int) -> list[dict[str, object]]:
    """What the command and the line take over the rounds themselves."""
    over_ms: list[float] = []
    memory: dict[int, tuple[float, float]] = {}
    for done in range(1, jobs + 1):
        (_, round_s), wall_ns = time_once(lambda: time_round(board, subject, runs=5, warmup=0))
        over_ms.append(wall_ns / 1e6 - round_s * 1e3)
        if done in (_SETTLED, jobs):
            memory[done] = resident_mb(psutil.Process()), resident_mb(_outpost())
    first = sorted(over_ms[: min(_COST_OF, jobs)])
    here, there = (memory[jobs][i] - memory[_SETTLED][i] for i in (0, 1))
    found = {
        "over a round, median": (median(first), "ms", len(first)),
        "over a round, p99": (first[math.ceil(0.99 * len(first)) - 1], "ms", len(first)),
        "memory of the command grown": (here, "MB", jobs),
        "memory of what waits on the board": (memory[jobs][1], "MB", jobs),
        "the same, grown": (there, "MB", jobs),
    }
    for what, (value, unit, count) in found.items():
        print(f"{what}: {value:.1f} {unit} ({count} rounds)")
    return [
        {
            "packages": "downloaded",
            "what": what,
            "value": f"{value:.1f}",
            "unit": unit,
            "low": "",
            "high": "",
            "n": count,
        }
        for what, (value, unit, count) in found.items()
    ]


def _outpost() -> psutil.Process:
    """What waits on the board: of this machine's processes the one that says so."""
    return next(each for each in psutil.process_iter() if "effmod_bench.fleet.outpost" in command_of(each))


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def resident_mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1e6


def agreement(board: Board, subject: Subject, pairs: int, packages: str) -> dict[str, object]:
    """The board's medians over those of this machine, in rounds that take turns."""
    here = Here(read_machine())
    logs = []
    for index in range(pairs):
        places = (here, board) if index % 2 == 0 else (board, here)
        medians = {place: median(time_round(place, subject, _RUNS, 50)[0].durations_ns) for place in places}
        logs.append(math.log(medians[board] / medians[here]))

    half = float(t.ppf(0.975, pairs - 1)) * stdev(logs) / math.sqrt(pairs) if pairs > 1 else math.inf
    ratio, low, high = (math.exp(fmean(logs) + sign * half) for sign in (0, -1, 1))
    what = "on the board over here"
    print(f"{what}, packages {packages}: {ratio:.4f} (95 % from {low:.4f} to {high:.4f}, {pairs} pairs)")
    figures = {"value": f"{ratio:.4f}", "unit": "ratio", "low": f"{low:.4f}", "high": f"{high:.4f}", "n": pairs}
    return {"packages": packages, "what": what, **figures}


if __name__ == "__main__":
    main()
