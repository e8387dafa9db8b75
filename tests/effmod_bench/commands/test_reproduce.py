"""Somebody's figures, measured again. Suites are tested in tests/effmod_bench/runs/test_reproduce.py."""

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.runs import prepare
from results import (
    ArtifactSource,
    ComparisonProcess,
    Device,
    Environment,
    Round,
    Runtime,
    RuntimeOptions,
    Store,
    TimedArtifact,
)
from tests.effmod_bench.commands.support import Workers
from tests.effmod_bench.network import TARGET
from tests.effmod_bench.support import each_takes, effmod, store_with
from tests.fakes import make_hand_entry, make_round, on_board, timed_artifact, write_onnx


@pytest.fixture(autouse=True)
def _nothing_else_runs(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it stands in
    """On this machine, whatever else it does."""
    each_takes(0.1, monkeypatch)


def reproduce(*arguments: str, source: str = "./numbers.zip", code: int) -> list[dict[str, str]]:
    """The rows of the table, where it ends so."""
    done = effmod("reproduce", source, "--store", "again", "--output-format", "csv", *arguments)
    assert done.exit_code == code, done.output
    return list(csv.DictReader(io.StringIO(done.stdout)))


def share(*targets: str) -> None:
    done = effmod("bench", "--runs", "8", "--rounds", "4", "--threads", "1", *targets, "--store", "then")
    assert done.exit_code == 0, done.output
    assert effmod("share", "then", "-o", "numbers.zip").exit_code == 0


def change_theirs(change: Callable[[Round], Round]) -> None:
    """Write their records anew."""
    store = Store(Path("then"))
    for record in store.read_kind(Round):
        store.write(change(record), again=True)


def on_machine(**changes: Any) -> Callable[[Round], Round]:
    def change(record: Round) -> Round:
        environment = record.environment
        machine = msgspec.structs.replace(environment.machine, **changes)
        return msgspec.structs.replace(record, environment=msgspec.structs.replace(environment, machine=machine))

    return change


def versions(**changes: str) -> Callable[[Round], Round]:
    return lambda record: on_machine(versions=record.environment.machine.versions | changes)(record)


def test_what_was_shared_is_reproduced_on_the_same_machine() -> None:
    share("a.onnx", "b.onnx")
    rows = reproduce("--files", ".", code=0)
    assert [(row["name"], row["verdict"], row["why"]) for row in rows] == [
        ("a.onnx", "reproduced", "within"),
        ("b.onnx", "reproduced", "within"),
    ]
    assert [float(row["ratio"]) for row in rows] == [1.0, 1.0]
    then, again = (Store(Path(name)).read_kind(Round) for name in ("then", "again"))
    assert [len(each.durations_ns) for each in then] == [len(each.durations_ns) for each in again]
    asked = [{(each.plan.warmup_runs, each.plan.threads, each.artifact) for each in side} for side in (then, again)]
    assert asked[0] == asked[1]
    (row, _) = json.loads(
        effmod("reproduce", "./then", "--add", "a.onnx", "--add", "b.onnx", "--output-format", "json").stdout
    )
    assert (row["verdict"], row["theirs"]["artifact"]["name"]) == ("reproduced", "a.onnx")


def test_a_file_that_was_exchanged_is_said_whatever_it_takes(workers: Workers) -> None:
    share("a.onnx")
    write_onnx(Path("a.onnx"), nodes=5)
    workers.slow_down = 5.0
    done = effmod("reproduce", "./numbers.zip", "--files", ".", "--store", "again")
    assert done.exit_code == 4, done.output
    said = " ".join(done.stderr.split())
    assert "error: a.onnx is not reproduced: it is another file, and it takes 5.000 (5.000 to 5.000) times" in said
    assert "file:" in done.stdout
    workers.slow_down = 1.0
    (row,) = reproduce("--files", ".", code=4)
    assert (row["verdict"], row["why"]) == ("differs", "other-file")


@pytest.mark.parametrize(
    ("slow_down", "verdict", "code"), [(1.06, "reproduced", 0), (1.2, "differs", 4), (0.8, "differs", 4)]
)
def test_the_same_file_with_another_figure_differs(slow_down: float, verdict: str, code: int, workers: Workers) -> None:
    share("a.onnx")
    workers.slow_down = slow_down
    (row,) = reproduce("--files", ".", code=code)
    assert row["verdict"] == verdict
    assert float(row["ratio"]) == pytest.approx(slow_down)
    if verdict == "reproduced":
        (row,) = reproduce("--files", ".", "--margin", "5%", code=4)
        assert (row["verdict"], row["why"]) == ("differs", "outside")


@pytest.mark.parametrize(
    ("change", "verdict", "cause", "code"),
    [
        (on_machine(cpu_model="Another CPU"), "explained", "processor: Another CPU there", 0),
        (on_machine(logical_cores=99), "explained", "logical cores: 99 there", 0),
        (on_machine(os="Windows 11"), "explained", "system: Windows there", 0),
        (versions(onnxruntime="0.1"), "explained", "onnxruntime: 0.1 there", 0),
        (on_machine(available_cores=99), "undecided", "cores that it may use: 99 there", 4),
        (on_machine(cpu_quota=0.5), "explained", "a container's limit, in cores: 0.5 there, none here", 0),
        (on_machine(cpu_model=None), "undecided", "processor: unknown there", 4),
        (versions(python="3.1"), "undecided", "python: 3.1 there", 4),
        (versions(timm="0.1"), "differs", "", 4),
    ],
)
def test_another_figure_has_its_likely_cause_beside_it(
    change: Callable[[Round], Round], verdict: str, cause: str, code: int, workers: Workers
) -> None:
    share("a.onnx")
    change_theirs(change)
    workers.slow_down = 1.5
    (row,) = reproduce("--files", ".", source="./then", code=code)
    assert row["verdict"] == verdict
    assert cause in row["cause"]
    assert cause in row["conditions"]


def test_of_too_few_processes_nothing_is_green() -> None:
    assert effmod("bench", "a.onnx", "--runs", "4", "--rounds", "1", "--store", "then").exit_code == 0
    (row,) = reproduce("--files", ".", source="./then", code=4)
    assert (row["verdict"], row["why"]) == ("undecided", "too-few")


def test_a_file_that_is_not_there_is_a_row_with_its_reason() -> None:
    share("a.onnx", "b.onnx")
    rows = {row["name"]: row for row in reproduce("--add", "a.onnx", code=1)}
    assert rows["a.onnx"]["verdict"] == "reproduced"
    assert rows["b.onnx"]["verdict"] == "not measured"
    assert "it is a file of somebody's, sha256" in rows["b.onnx"]["cause"]


def test_the_zip_may_bring_the_files_and_they_are_used_where_one_says_so() -> None:
    share("a.onnx")
    assert effmod("share", "then", "-o", "numbers.zip", "--with-files").exit_code == 0
    Path("a.onnx").unlink()
    Path("empty").mkdir()
    assert reproduce(code=1)[0]["verdict"] == "not measured"
    assert reproduce("--files", "numbers.zip", "--files", "empty", code=0)[0]["verdict"] == "reproduced"


def test_what_was_timed_in_turn_is_timed_in_turn_again() -> None:
    pairs = ("--processes", "3", "--blocks", "5", "--warmup", "1", "--threads", "1")
    assert effmod("compare", "a.onnx", "b.onnx", "c.onnx", *pairs, "--store", "then").exit_code == 0
    assert effmod("share", "then", "-o", "numbers.zip").exit_code == 0
    rows = reproduce("--files", ".", code=0)
    assert [(row["name"], row["beside"], row["verdict"]) for row in rows] == [
        ("b.onnx", "a.onnx", "reproduced"),
        ("c.onnx", "a.onnx", "reproduced"),
    ]
    assert float(rows[0]["theirs_ratio"]) == pytest.approx(1.5, rel=0.01)
    assert len(Store(Path("again")).read_kind(ComparisonProcess)) == 6


def test_a_baseline_that_was_exchanged_is_said_whatever_the_ratio_is() -> None:
    assert effmod("compare", "a.onnx", "b.onnx", *PAIRS, "--store", "then").exit_code == 0
    write_onnx(Path("a.onnx"), nodes=5)
    done = effmod("reproduce", "./then", "--files", ".", "--margin", "60%", "--store", "again")
    assert done.exit_code == 4, done.output
    said = " ".join(done.stderr.split())
    assert "error: b.onnx is not reproduced: what it is timed in turn with is another file, and it takes 1.000 " in said
    assert "Not the same: baseline's file: " in done.stdout


PAIRS = ("--processes", "3", "--blocks", "5", "--warmup", "1", "--threads", "1")


def _compared(*arguments: str) -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    assert effmod("compare", *arguments, *PAIRS, "--store", "then").exit_code == 0
    assert effmod("share", "then", "-o", "numbers.zip").exit_code == 0


def test_what_was_compared_across_runtimes_is_compared_across_them_again() -> None:
    _compared("a.onnx", "b.onnx", "--runtime", "onnxruntime,openvino", "--no-spinning")
    plan = effmod("reproduce", "./numbers.zip", "--files", ".", "--dry-run", "--output-format", "json")
    assert [(row["name"], row["runtime"]) for row in json.loads(plan.stdout)] == [
        ("a.onnx", "onnxruntime"),
        ("a.onnx", "openvino"),
        ("b.onnx", "onnxruntime"),
        ("b.onnx", "openvino"),
    ]
    rows = reproduce("--files", ".", code=0)
    assert [(row["name"], row["runtime"], row["beside"], row["beside_runtime"], row["verdict"]) for row in rows] == [
        ("a.onnx", "openvino", "a.onnx", "onnxruntime", "reproduced"),
        ("b.onnx", "onnxruntime", "a.onnx", "onnxruntime", "reproduced"),
        ("b.onnx", "openvino", "a.onnx", "onnxruntime", "reproduced"),
    ]
    assert [float(row["theirs_ratio"]) for row in rows] == pytest.approx([1.0, 1.5, 1.5], rel=0.01)
    then, again = (Store(Path(name)).read_kind(ComparisonProcess) for name in ("then", "again"))
    ways = [
        {(each.candidate.name, each.plan.options, each.plan.options_of(each.target)) for each in side}
        for side in (then, again)
    ]
    assert len(again) == len(then) == 9  # of each of theirs once, and nothing else
    assert ways[0] == ways[1]
    assert effmod("reproduce", "--resume", "--store", "again").exit_code == 0


def test_of_one_of_several_claims_nothing_else_is_measured_again() -> None:
    _compared("a.onnx", "b.onnx", "--runtime", "onnxruntime,openvino")
    (row,) = reproduce("--files", ".", "--select", "a.onnx", code=0)
    assert (row["name"], row["runtime"], row["verdict"]) == ("a.onnx", "openvino", "reproduced")
    assert len(Store(Path("again")).read_kind(ComparisonProcess)) == 3


def test_a_runtime_that_is_not_here_is_the_reason_of_its_own_figures_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from effmod_bench.runs import repeat

    _compared("a.onnx", "b.onnx", "--runtime", "onnxruntime,openvino")

    def check(_: Device, options: RuntimeOptions) -> None:
        if options.runtime is Runtime.OPENVINO:
            raise DeviceUnavailableError("openvino is not installed")

    monkeypatch.setattr(repeat, "check_installed", check)
    done = effmod("reproduce", "./numbers.zip", "--files", ".", "--store", "again", "--output-format", "csv")
    assert done.exit_code == 1
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["runtime"], row["verdict"]) for row in rows] == [
        ("openvino", "not measured"),
        ("onnxruntime", "reproduced"),
        ("openvino", "not measured"),
    ]
    assert "b.onnx on OpenVINO was not measured: openvino is not installed" in done.stderr


def test_beside_an_anchor_the_machines_speed_is_no_matter_unless_all_else_is_the_same(workers: Workers) -> None:
    share("b.onnx", "--anchor", "a.onnx", "--processes", "3")
    workers.slow_down = 2.0
    (row,) = reproduce("--files", ".", code=4)
    assert (row["anchor"], row["verdict"], row["why"]) == ("a.onnx", "undecided", "moved")
    assert float(row["ratio"]) == pytest.approx(1.0, abs=0.01)


def test_cut_short_it_goes_on_and_nothing_is_doubled(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    from effmod_bench.instrument import place

    share("a.onnx", "b.onnx")
    done, real = [], workers.run_job

    def cut(job: Any, **told: Any) -> Any:
        done.append(job)
        if len(done) == 3:
            raise KeyboardInterrupt
        return real(job, **told)

    monkeypatch.setattr(place, "run_job", cut)
    assert effmod("reproduce", "./numbers.zip", "--files", ".", "--store", "again").exit_code == 130
    again = effmod("reproduce", "--resume", "--store", "again")
    assert again.exit_code == 0, again.output
    assert len(Store(Path("again")).read_kind(Round)) == 8
    assert len(done) == 9
    same = effmod("reproduce", "./numbers.zip", "--resume", "--store", "again")
    assert same.stdout == again.stdout
    Path("numbers.zip").write_bytes(Path("numbers.zip").read_bytes()[:-30])
    changed = effmod("reproduce", "--resume", "--store", "again")
    assert changed.exit_code == 2
    assert "is not what it was when this began" in changed.stderr


def test_a_dry_run_makes_and_measures_nothing(workers: Workers) -> None:
    share("a.onnx", "b.onnx")
    done = effmod("reproduce", "./numbers.zip", "--add", "a.onnx", "--dry-run", "--store", "again")
    assert done.exit_code == 0, done.output
    assert "8 runs each, split over 4 processes" in " ".join(done.stdout.split())
    assert "b.onnx" in done.stdout.partition("Not measured here")[2]
    assert not Path("again").exists()
    rows = json.loads(
        effmod("reproduce", "./numbers.zip", "--add", "a.onnx", "--dry-run", "--output-format", "json").stdout
    )
    assert [row["name"] for row in rows] == ["a.onnx"]
    assert workers.pairs == []


def test_a_dry_run_says_by_which_runtime_and_where_it_was_what_cannot_be_measured() -> None:
    artifact = msgspec.structs.replace(timed_artifact("mine.onnx"), source=ArtifactSource.FILE)
    first, second = make_round(artifact=artifact), make_round(artifact=artifact, index=1)
    plan = msgspec.structs.replace(second.plan, options=RuntimeOptions(runtime=Runtime.OPENVINO))
    store_with(Path("then"), first, on_board(msgspec.structs.replace(second, plan=plan), "pi5"))
    done = effmod("reproduce", "./then", "--dry-run")
    assert "mine.onnx on ONNX Runtime " in done.stdout
    assert "mine.onnx on OpenVINO on pi5 " in done.stdout


def test_a_dry_run_leaves_nothing_of_what_a_zip_brings() -> None:
    share("a.onnx")
    assert effmod("share", "then", "-o", "numbers.zip", "--with-files").exit_code == 0
    Path("a.onnx").unlink()
    done = effmod("reproduce", "./numbers.zip", "--files", "numbers.zip", "--dry-run", "--store", "again")
    assert done.exit_code == 0, done.output
    assert "a.onnx" in done.stdout.partition("Not measured here")[0]
    assert not Path("again").exists()


def test_some_of_it_can_be_chosen_by_name() -> None:
    share("a.onnx", "b.onnx")
    assert [row["name"] for row in reproduce("--files", ".", "--select", "b*", code=0)] == ["b.onnx"]
    done = effmod("reproduce", "./numbers.zip", "--select", "x*")
    assert done.exit_code == 2
    assert "--select x* is none of what the store holds: a.onnx, b.onnx" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["./then", "--store", "then"], 2, "is the store that new records go to"),
        (["./then", "table1"], 2, "a store is measured again by itself; leave table1 out"),
        (["./then", "--runs", "5"], 2, "says how its figures were measured; leave --runs out"),
        (["./then", "--seed", "5"], 2, "says how its figures were measured; leave --seed out"),
        (["./then", "--device", "cpu"], 2, "leave --device out"),
        (["table1", "--files", "."], 2, "--files is for somebody's store"),
        (["table1", "--margin", "5%"], 2, "--margin is for somebody's store"),
        (["./then", "--files", "missing"], 2, "it is no folder, and no zip"),
        (["./then", "--add", "missing.onnx"], 2, "there is no such file"),
        (["./then", "--checkpoint", "missing.pth"], 2, "there is no such file"),
        (
            ["./then", "--checkpoint", "a.onnx", "--checkpoint", "net=missing.pth"],
            2,
            "--checkpoint missing.pth: there is",
        ),
        (["./then", "--top1", "a.onnx=77.3"], 2, "accuracies are not; leave it out"),
        (["./missing.zip"], 5, "cannot read missing.zip"),
        (["./empty"], 5, "the store empty holds no measurements"),
        (["then"], 2, "there is no suite 'then'; the folder, where it is a store, is named by its path: ./then"),
    ],
)
def test_wrong_use_is_said(arguments: list[str], code: int, said: str) -> None:
    share("a.onnx")
    Path("empty").mkdir()
    done = effmod("reproduce", *arguments)
    assert done.exit_code == code, done.output
    assert said in " ".join(done.stderr.split())


def test_a_device_that_is_not_here_is_a_row_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    share("a.onnx")

    def check(*_: object) -> None:
        raise DeviceUnavailableError("there is no GPU")

    monkeypatch.setattr(prepare, "check_installed", check)
    (row,) = reproduce("--files", ".", code=3)
    assert (row["verdict"], row["cause"]) == ("not measured", "there is no GPU")


# --- what a stranger's records may ask for


def their(artifact: TimedArtifact, **changes: Any) -> list[Round]:
    rounds = [make_round([10 + i / 100], artifact=artifact, index=i, threads=1) for i in range(4)]
    return [msgspec.structs.replace(each, id=f"r-{i}", **changes) for i, each in enumerate(rounds)]


def refusal(*rounds: Round) -> str:
    """Why the one figure of a store is not measured."""
    shutil.rmtree("hostile", ignore_errors=True)
    store_with(Path("hostile"), *rounds)
    (row,) = reproduce(source="./hostile", code=1)
    assert row["verdict"] == "not measured"
    assert not Store(Path("again")).read_kind(Round)
    return row["cause"]


def test_no_python_file_is_ever_run_because_a_record_names_it() -> None:
    Path("evil.py").write_text("from pathlib import Path\nPath('ran').touch()\ndef net(): Path('ran').touch()\n")
    for name in ("evil.py:net", "./evil.py:net", f"{Path.cwd()}/evil.py:net(width=4)"):
        assert "nothing of a record is ever run" in refusal(*their(timed_artifact(name)))
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    "name",
    ["timm:hf-hub:somebody/net", "timm:../x", "somebodys_plugin", "../efficientmod_xxs", "efficientmod_*", "a\x1b[2Jb"],
)
def test_a_network_that_is_none_of_effmods_own_is_not_looked_for(name: str) -> None:
    assert "is no network of effmod's own" in refusal(*their(timed_artifact(name)))


def test_a_file_of_this_machine_is_never_opened_because_a_record_names_it() -> None:
    for name in ("a.onnx", "/etc/passwd", str(Path.cwd() / "a.onnx")):
        own = msgspec.structs.replace(timed_artifact(name), source=ArtifactSource.FILE, form=None)
        assert "it is a file of somebody's" in refusal(*their(own))


def test_a_plan_that_nobody_could_want_is_refused() -> None:
    environment: Environment = msgspec.structs.replace(make_round().environment, threads=10**9)
    assert "asks for 1000000000 threads" in refusal(*their(timed_artifact(), environment=environment))
    strange = msgspec.structs.replace(timed_artifact(), form="no-such-rewrite")
    assert "no rewrite 'no-such-rewrite'" in refusal(*their(strange))
    large = timed_artifact(batch_size=10**9)
    assert "GB of memory" in refusal(*their(large))


def test_figures_without_processes_and_those_entered_by_hand_are_said() -> None:
    assert "every process of it failed" in refusal(make_round(failure="ended by SIGKILL"))
    store_with(Path("by-hand"), make_hand_entry())
    assert effmod("reproduce", "./by-hand").exit_code == 5


def test_what_a_record_says_is_printed_so_that_it_moves_nothing() -> None:
    store_with(Path("hostile"), *their(timed_artifact("a\x1b[2Jb\u202e")))
    done = effmod("reproduce", "./hostile", "--store", "again")
    assert "\x1b[2J" not in done.output
    assert "\u202e" not in done.output
    assert r"a\x1b[2Jb\u202e" in done.stdout


def test_a_hostile_zip_is_refused_by_name_and_nothing_is_written() -> None:
    Path("inner").mkdir()
    with zipfile.ZipFile("numbers.zip", "w") as archive:
        archive.writestr("../escaped.json", msgspec.json.encode(make_round()))
    before = sorted(path.name for path in Path().rglob("*"))
    done = effmod("reproduce", "./numbers.zip", "--store", "inner/again")
    assert done.exit_code == 5, done.output
    assert "numbers.zip is refused, and nothing of it is used: '../escaped.json' would lie outside" in " ".join(
        done.stderr.split()
    )
    assert sorted(path.name for path in Path().rglob("*")) == before


def test_a_record_that_is_none_is_left_out_by_name_and_one_of_a_later_version_is_an_error() -> None:
    share("a.onnx")
    with zipfile.ZipFile("numbers.zip", "a") as archive:
        archive.writestr("records/broken.json", b"{")
        archive.writestr("records/deep.json", b"[" * 100_000)
        archive.writestr("records/wrong.json", b'{"schema_version":3,"kind":"round","id":7}')
    done = effmod("reproduce", "./numbers.zip", "--files", ".", "--store", "again")
    assert done.exit_code == 0, done.output
    for name in ("broken", "deep", "wrong"):
        assert f"left out: numbers.zip: {name}.json is not a record of effmod" in done.stderr
    with zipfile.ZipFile("numbers.zip", "a") as archive:
        archive.writestr("records/later.json", b'{"schema_version":99,"kind":"round"}')
    assert effmod("reproduce", "./numbers.zip", "--files", ".", "--store", "more").exit_code == 5


def test_a_function_is_measured_where_its_file_is_given() -> None:
    share(TARGET, "--image-size", "32")
    (row,) = reproduce(code=1)
    assert "look at network.py, and give it by --add PATH/network.py:small" in row["cause"]
    (row,) = reproduce("--add", TARGET, code=0)
    assert (row["name"], row["verdict"]) == ("network.py:small", "reproduced")
    # What was exported of it may be brought along, and is measured as a file.
    assert effmod("share", "then", "-o", "numbers.zip", "--with-files").exit_code == 0
    (row,) = reproduce("--files", "numbers.zip", code=0)
    assert (row["name"], row["verdict"], row["conditions"]) == ("network.py:small", "reproduced", "")


def test_a_file_of_other_makers_is_explained_and_of_the_same_it_differs(workers: Workers) -> None:
    share(TARGET, "--image-size", "32")

    def other(record: Round) -> Round:
        return msgspec.structs.replace(record, artifact=msgspec.structs.replace(record.artifact, sha256="9" * 64))

    change_theirs(other)
    (row,) = reproduce("--add", TARGET, source="./then", code=4)
    assert (row["verdict"], row["why"]) == ("differs", "other-file")
    change_theirs(on_machine(maker_versions={"onnx": "0.1"}))
    workers.slow_down = 1.5
    (row,) = reproduce("--add", TARGET, source="./then", code=0)
    assert row["verdict"] == "explained"
    assert row["cause"].startswith("file: 999999999999 there")
    assert "onnx: 0.1 there" in row["conditions"]
    change_theirs(on_machine(maker_versions={}))
    (row,) = reproduce("--add", TARGET, source="./then", code=4)
    assert (row["verdict"], row["why"]) == ("undecided", "perhaps")
