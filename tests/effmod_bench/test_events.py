"""Whatever happens to a run: each event is brought about for real, on a real process where it happens to one."""

import contextlib
import csv
import functools
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
import pytest

from effmod_bench.instrument.process.messages import Timed
from effmod_bench.instrument.subject import Subject
from effmod_bench.runs.plan import RunPlan
from models import Preprocessing
from results import BenchPlan, ComparisonProcess, Outcome, Round, Store
from tests.effmod_bench.network import SMALL, TARGET
from tests.effmod_bench.support import Run
from tests.fakes import MACHINE, session_facts, timed_artifact, write_endless_onnx, write_onnx

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
    pytest.mark.xdist_group("measures"),  # they would disturb each other's times
]

EFFMOD = Path(sys.executable).with_name("effmod")
MANY = ("--runs", "100000", "--rounds", "1000", "--warmup", "1")


def effmod(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([EFFMOD, *arguments], capture_output=True, text=True)


@contextmanager
def begun(*arguments: str, **options: object) -> "Iterator[subprocess.Popen[str]]":
    """A command that goes on beside the test, and is killed with it."""
    with subprocess.Popen(
        [EFFMOD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    ) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def workers_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """Its worker, where there is one now: it starts other programs as well, to ask them about the machine."""
    try:
        return [
            child
            for child in psutil.Process(process.pid).children()
            if "effmod_bench.instrument.process.worker" in child.cmdline()
        ]
    except psutil.NoSuchProcess:  # it ended meanwhile
        return []


def measures_or_ended(process: "subprocess.Popen[str]") -> bool:
    return bool(workers_of(process)) or process.poll() is not None


def rounds_in(store: Path) -> list[Path]:
    return [path for path in store.glob("*.json") if path.stem.count("-") > 1]


def test_each_event_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    write_endless_onnx(tmp_path / "hangs.onnx")
    write_onnx(tmp_path / "nan.onnx", operator="Log")
    write_onnx(tmp_path / "good.onnx")
    plan = ("--runs", "2", "--rounds", "1", "--round-timeout", "5", "--output-format", "csv")
    done = effmod("bench", "hangs.onnx", "nan.onnx", "good.onnx", *plan)
    assert done.returncode == 1
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
    assert "timeout after 5 s" in rows["hangs.onnx"]["failures"]
    assert "NaN" in rows["nan.onnx"]["failures"]
    assert float(rows["good.onnx"]["mean_ms"]) > 0
    assert "--resume" in done.stderr


def test_what_failed_is_repeated_until_it_works(tmp_path: Path) -> None:
    with begun("bench", str(write_onnx(tmp_path / "x.onnx")), "--runs", "2000", "--rounds", "2") as process:
        for _ in range(2):
            wait_until(lambda: workers_of(process))
            (worker,) = workers_of(process)
            worker.send_signal(signal.SIGSEGV)
            worker.wait(60)
        out, err = process.communicate()
    assert process.returncode == 1, err
    assert "ended by SIGSEGV" in out
    store = Store(tmp_path / "effmod-results")
    assert [record.outcome for record in store.read()] == [Outcome.FAILED] * 2
    run = store.read_kind(RunPlan)[0]
    done = effmod("bench", "--resume", "--output-format", "json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["latency"]["runs"], row["failures"]) == (2000, [])
    assert {record.run_id for record in store.read()} == {run.id}
    done = effmod("bench", "--resume", run.id)
    assert "it is complete, and nothing is left to do" in done.stderr
    assert len(store.read()) == 4


def test_a_cached_file_that_was_cut_short_is_made_again_and_a_run_goes_on_with_it(
    quickly: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EFFMOD_CACHE", str(tmp_path / "cache"))
    first = quickly("bench", *SMALL, "--runs", "2", "--rounds", "2", "--warmup", "1")
    assert first.returncode == 0, first.stderr
    (cached,) = (tmp_path / "cache").glob("artifacts/*/*.onnx")
    whole = cached.read_bytes()
    cached.write_bytes(whole[: len(whole) // 2])
    rounds_in(tmp_path / "effmod-results")[0].unlink()
    again = quickly("bench", "--resume")
    assert again.returncode == 0, again.stderr
    assert f"the cached {cached.name} was changed or cut short since it was made; it is made again" in again.stderr
    assert "1 of 2 rounds to do" in again.stderr
    assert cached.read_bytes() == whole
    assert len(rounds_in(tmp_path / "effmod-results")) == 2


QUICK_WORKER = "import sys; sys.stdin.readline(); print(sys.argv[1], flush=True)"
QUICK_RUN = """
import subprocess, sys
from pathlib import Path
import msgspec
from effmod_bench.instrument import rounds
from effmod_bench.instrument.place import Here
from effmod_bench.instrument.subject import Subject
from results import BenchPlan, Machine, Round, Store

class Silent:
    def show(self, *_):
        pass

answer, worker, machine, plan, subjects = sys.argv[1:]
original = subprocess.Popen
subprocess.Popen = lambda _, **options: original([sys.executable, "-I", "-S", "-c", worker, answer], **options)
store = Store(Path("store"))
rounds.run(
    "run",
    msgspec.json.decode(plan, type=BenchPlan),
    msgspec.json.decode(subjects, type=list[Subject], dec_hook=lambda kind, text: kind(text)),
    Here(msgspec.json.decode(machine, type=Machine)),
    store,
    Silent(),
    earlier=store.read_kind(Round),
    on_record=lambda record: print(record.id, flush=True),
)
"""


def quick_run(plan: BenchPlan) -> "subprocess.Popen[str]":
    """The runner, its store and its processes as they are, but for rounds that take milliseconds."""
    answer = Timed(
        session=session_facts(),
        load_ns=1,
        first_inference_ns=1,
        durations_ns=(1_000_000,) * (plan.runs // plan.rounds),
        peak_memory_bytes=None,
    )
    subjects = [
        Subject(path=Path(name), artifact=timed_artifact(name), preprocessing=Preprocessing(), stamps=())
        for name in ("a", "b")
    ]
    values = [msgspec.json.encode(value, enc_hook=os.fspath).decode() for value in (MACHINE, plan, subjects)]
    arguments = [msgspec.json.encode(answer).decode(), QUICK_WORKER, *values]
    return subprocess.Popen([sys.executable, "-c", QUICK_RUN, *arguments], stdout=subprocess.PIPE, text=True)


def children_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


def has_child_or_ended(process: "subprocess.Popen[str]") -> bool:
    return bool(children_of(process)) or process.poll() is not None


def test_kill_9_at_50_moments_loses_nothing_that_was_finished_and_a_resumed_run_is_whole(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()
    store = Store(tmp_path / "store")
    store.check_writable()
    plan = BenchPlan(runs=100 * 600, rounds=600, threads=1)
    moments = random.Random(6)
    finished: list[str] = []
    killed: Counter[str] = Counter()
    while killed.total() < 50:
        with quick_run(plan) as process:
            time.sleep(moments.uniform(0.0, 0.6))
            if moments.random() < 0.5:
                wait_until(functools.partial(has_child_or_ended, process))  # which is slow beside others
                with contextlib.suppress(psutil.NoSuchProcess, IndexError):  # it may have come to its end meanwhile
                    children_of(process)[0].kill()
                    killed["worker"] += 1
                time.sleep(moments.uniform(0.0, 0.1))
            process.kill()
            killed["effmod"] += 1
            assert process.stdout is not None
            finished += process.stdout.read().split()
    assert killed["worker"] > 5
    interrupted = store.read()  # none torn
    assert set(finished) <= {record.id for record in interrupted}
    assert len(finished) == len(set(finished)) > 50
    assert any("SIGKILL" in (record.failure or "") for record in interrupted)

    with quick_run(plan) as process:
        process.communicate()
    records = store.read()
    assert {record.id for record in interrupted} <= {record.id for record in records}
    good = Counter((record.artifact.name, record.index) for record in records if record.outcome is Outcome.OK)
    assert good == {(name, index): 1 for name in "ab" for index in range(600)}


def test_kill_9_of_the_command_at_any_moment_is_mended_by_resuming(tmp_path: Path) -> None:
    write_onnx(tmp_path / "x.onnx")
    store = Store(tmp_path / "effmod-results")
    moments = random.Random(6)
    arguments = ["bench", "x.onnx", "--runs", "4", "--rounds", "2"]
    before: set[str] = set()
    for _ in range(3):
        with begun(*arguments) as process:
            time.sleep(moments.uniform(0.1, 1.5))
            workers = workers_of(process)
            process.kill()
        psutil.wait_procs(workers, timeout=20)
        assert not any(worker.is_running() for worker in workers)
        if store.path.is_dir() and store.read_kind(RunPlan):
            arguments = ["bench", "--resume"]
            after = {record.id for record in store.read_kind(Round)}
            assert before <= after
            before = after
    done = effmod(*arguments)
    assert done.returncode == 0, done.stderr
    assert len(store.read_kind(RunPlan)) == 1
    assert [(record.index, record.outcome) for record in store.read()] == [(i, Outcome.OK) for i in range(2)]


def test_a_run_that_is_killed_while_it_exports_is_gone_on_with_and_no_older_one(
    quickly: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EFFMOD_CACHE", str(tmp_path / "cache"))
    write_onnx(tmp_path / "old.onnx")
    few = ("--runs", "1", "--rounds", "1", "--threads", "1")
    assert quickly("bench", "old.onnx", *few).returncode == 0
    store = Store(tmp_path / "effmod-results")
    with begun("bench", *SMALL, *few) as process:
        wait_until(lambda: len(store.read_kind(RunPlan)) == 2)
        process.kill()
    assert len(store.read()) == 1
    done = quickly("bench", "--resume", "--output-format", "csv")
    assert done.returncode == 0, done.stderr
    assert f"exporting {TARGET}" in done.stderr
    assert [row["name"] for row in csv.DictReader(io.StringIO(done.stdout))] == ["network.py:small"]
    assert len(store.read_kind(RunPlan)) == 2
    assert len(store.read()) == 2


def test_kill_9_at_eight_moments_among_rounds_and_pairs_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    for nodes, name in enumerate(("a", "b"), start=1):
        write_onnx(tmp_path / f"{name}.onnx", nodes=nodes)
    folder = tmp_path / "effmod-results"
    arguments = ["bench", "a.onnx", "b.onnx", "--anchor", "a.onnx", "--threads", "1", "--warmup", "1"]
    arguments += ["--runs", "2", "--rounds", "2", "--processes", "20"]
    moments = random.Random(18)
    stored: dict[str, bytes] = {}
    killed: Counter[str] = Counter()
    longest_s = 0.0  # at first as soon as it measures: on a fast machine the rounds are over within a second
    while killed.total() < 8 or not killed["among pairs"]:
        assert killed.total() < 40
        with begun(*arguments) as process:
            wait_until(functools.partial(measures_or_ended, process))
            time.sleep(moments.uniform(0.0, longest_s))
            process.kill()
        longest_s = longest_s or 0.8
        before, stored = stored, {path.name: path.read_bytes() for path in rounds_in(folder)}
        assert before.items() <= stored.items()
        if before == stored:
            longest_s *= 1.25  # on a busy machine it would never come as far as the pairs
        killed["among pairs" if any("comparison" in name for name in stored) else "among rounds"] += 1
        arguments = ["bench", "--resume"]
    assert set(killed) == {"among rounds", "among pairs"}

    done = effmod("bench", "--resume", "--output-format", "json")
    assert done.returncode == 0, done.stderr
    assert [(row["latency"]["runs"], row["failures"]) for row in json.loads(done.stdout)] == [(2, [])] * 2
    assert stored.items() <= {path.name: path.read_bytes() for path in rounds_in(folder)}.items()
    store = Store(folder)
    rounds, pairs = store.read(), store.read_kind(ComparisonProcess)  # none torn
    assert len(store.read_kind(RunPlan)) == 1
    assert {record.outcome for record in rounds} == {record.outcome for record in pairs} == {Outcome.OK}
    assert Counter((record.artifact.name, record.index) for record in rounds) == {
        (name, index): 1 for name in ("a.onnx", "b.onnx") for index in range(2)
    }
    assert Counter((record.target, record.index) for record in pairs) == {(1, index): 1 for index in range(20)}


def test_ctrl_c_shows_what_is_finished_and_says_how_to_go_on(tmp_path: Path) -> None:
    write_onnx(tmp_path / "x.onnx")
    store = tmp_path / "effmod-results"
    with begun("bench", "x.onnx", "--runs", "3", "--rounds", "3") as process:
        wait_until(lambda: rounds_in(store))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130
    assert "x.onnx" in out
    assert "interrupted: the table holds what was finished" in err
    assert "Traceback" not in err
    (run,) = Store(store).read_kind(RunPlan)
    assert f"effmod bench --resume {run.id}" in err
    kept = {path.name: path.read_bytes() for path in rounds_in(store)}
    assert 1 <= len(kept) < 3
    assert effmod("bench", "--resume").returncode == 0
    assert len(rounds_in(store)) == 3
    assert all((store / name).read_bytes() == content for name, content in kept.items())


def test_the_second_effmod_gives_up_or_waits_for_the_first(tmp_path: Path) -> None:
    write_onnx(tmp_path / "x.onnx")
    with begun("bench", "x.onnx", "--store", "first", *MANY) as first:
        wait_until(lambda: rounds_in(tmp_path / "first"))
        refused = effmod("bench", "x.onnx", "--store", "second", "--no-wait")
        assert refused.returncode == 3
        assert f"process {first.pid} (effmod bench x.onnx --store first --runs 100000" in refused.stderr
        with begun("bench", "x.onnx", "--store", "second", "--runs", "1", "--threads", "1") as second:
            assert second.stderr is not None
            assert f"waiting for its end: process {first.pid} (" in second.stderr.readline()
            assert not rounds_in(tmp_path / "second")
            first.kill()
            first.wait()
            second.communicate()
            assert second.returncode == 0
    assert len(rounds_in(tmp_path / "second")) == 1


def test_a_store_that_is_moved_away_stops_the_run(tmp_path: Path) -> None:
    write_onnx(tmp_path / "x.onnx")
    with begun("bench", "x.onnx", "--store", "store", *MANY) as process:
        wait_until(lambda: rounds_in(tmp_path / "store"))
        (tmp_path / "store").rename(tmp_path / "elsewhere")
        out, err = process.communicate()
    assert process.returncode == 5
    assert "x.onnx" in out
    assert "cannot write to the store store: No such file or directory; was it moved or deleted?" in err
    (run,) = Store(tmp_path / "elsewhere").read_kind(RunPlan)
    assert f"stays readable; once it can be written, go on: effmod bench --resume {run.id} --store store" in err
    assert Store(tmp_path / "elsewhere").read()
    assert not (tmp_path / "store").exists()


def test_a_file_that_may_not_grow_stops_the_run_and_leaves_none_torn(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    write_onnx(tmp_path / "x.onnx")
    arguments = ("bench", "x.onnx", "--store", "store", "--runs", "20000", "--rounds", "2")
    with begun(*arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))) as process:
        _, err = process.communicate()
    assert process.returncode == 5, err
    assert "cannot write to the store store: File too large; raise the limit on the size of a file" in err
    assert not rounds_in(tmp_path / "store")
    assert len(Store(tmp_path / "store").read_kind(RunPlan)) == 1


# In a mount namespace of its own, which many systems allow every user.
UNSHARE = ["unshare", "--mount", "--map-root-user", "sh", "-ec"]


def can_mount() -> bool:
    try:
        return subprocess.run([*UNSHARE, "mount -t tmpfs none /mnt"], capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not can_mount(), reason="a file system of its own cannot be mounted here")
@pytest.mark.parametrize(
    ("options", "event", "said"),
    [
        ("size=20k", "", "No space left on device; free some space"),
        ("size=1m", "mount -o remount,ro store", "Read-only file system; choose a folder that you can write"),
    ],
)
def test_a_disk_that_takes_no_more_stops_the_run_and_what_is_stored_stays_readable(
    options: str, event: str, said: str, tmp_path: Path
) -> None:
    write_onnx(tmp_path / "x.onnx")
    (tmp_path / "store").mkdir()
    script = f"""
        mount -t tmpfs -o {options} none store
        {EFFMOD} bench x.onnx --store store --runs 20 --rounds 20 > table 2> said & pid=$!
        until [ "$(ls store/*-0.json 2> /dev/null)" ]; do sleep 0.1; done
        {event}
        wait $pid && code=0 || code=$?
        cp -r store copy
        exit $code
    """
    done = subprocess.run([*UNSHARE, script], capture_output=True, text=True)
    assert done.returncode == 5, done.stderr
    assert said in (tmp_path / "said").read_text()
    assert "effmod bench --resume" in (tmp_path / "said").read_text()
    stored = Store(tmp_path / "copy").read()
    assert 1 <= len(stored) < 20
    assert all(record.outcome is Outcome.OK for record in stored)
    assert "x.onnx" in (tmp_path / "table").read_text()


def test_a_killed_effmod_leaves_no_worker_behind(tmp_path: Path) -> None:
    write_onnx(tmp_path / "x.onnx", shape=(1, 64, 256, 256), nodes=8)
    with begun("bench", "x.onnx", "--runs", "1000000", "--rounds", "1", "-q") as process:
        wait_until(lambda: workers_of(process))
        (worker,) = workers_of(process)
        time.sleep(1)
        process.kill()
    psutil.wait_procs([worker], timeout=20)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
