import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.instrument import place
from effmod_bench.instrument.process.messages import Job, PairJob, PairTimed, Timed
from effmod_bench.runs import prepare
from effmod_bench.runs import reproduce as runs_reproduce
from effmod_bench.runs.reproduce import Reproduction
from exporters import FormatUnavailableError
from results import ComparisonProcess, Device, Outcome, Round, Store
from tests.effmod_bench.network import TARGET
from tests.effmod_bench.support import effmod, timed_alone, timed_in_turn
from tests.fakes import write_onnx

MEASURED = Path(__file__).resolve().parents[3] / "results/measured"

SUITE = """title = "mine"
devices = ["cpu"]

[quick]
runs = 2

[[measure]]
networks = ["a.onnx", "b.onnx"]
runs = 6
rounds = 3

[[measure]]
networks = ["a.onnx", "b.onnx"]
in-turn = true
processes = 2
blocks = 1
"""
WHOLE = {("a.onnx", 0), ("a.onnx", 1), ("a.onnx", 2), ("b.onnx", 0), ("b.onnx", 1), ("b.onnx", 2)}


class Workers:
    """Stands in for the processes; the one of this number is cut short."""

    def __init__(self) -> None:
        self.started = 0
        self.cut_short: int | None = None

    def run_job(self, job: Job | PairJob, **_: Callable[..., Any]) -> Timed | PairTimed:
        self.started += 1
        if self.started - 1 == self.cut_short:
            raise KeyboardInterrupt
        if isinstance(job, PairJob):
            return timed_in_turn(job, 1.5)
        return timed_alone(job)


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    write_onnx(Path("a.onnx"))
    write_onnx(Path("b.onnx"), operator="Abs")
    Path("mine.toml").write_text(SUITE)
    found = Workers()
    monkeypatch.setattr(place, "run_job", found.run_job)
    return found


def reproduce(*arguments: str) -> Any:
    return effmod("reproduce", *arguments, "--store", "records")


def finished() -> tuple[list[tuple[str, int]], int]:
    """The rounds by file and number, and how many processes timed the two in turn."""
    store = Store(Path("records"))
    records, beside = store.read_kind(Round), store.read_kind(ComparisonProcess)
    assert {each.outcome for each in records} | {each.outcome for each in beside} <= {Outcome.OK}
    return sorted((each.artifact.name, each.index) for each in records), len(beside)


def test_a_suite_of_ones_own_is_measured_and_shown() -> None:
    done = reproduce("./mine.toml")
    assert done.exit_code == 0, done.output
    assert finished() == (sorted(WHOLE), 2)
    assert done.stdout.startswith("mine\n")
    assert "timed in turn" in done.stdout
    assert "50" in done.stdout  # b.onnx is 50 % slower
    assert "of it outside of the processes that load, warm up and time" in done.stderr


@pytest.mark.parametrize("number", range(8))
def test_cut_short_anywhere_and_resumed_it_is_whole_and_nothing_is_doubled(number: int, workers: Workers) -> None:
    workers.cut_short = number
    done = reproduce("./mine.toml")
    assert done.exit_code == 130
    (begun,) = Store(Path("records")).read_kind(Reproduction)
    assert f"effmod reproduce --resume {begun.id} --store records" in " ".join(done.stderr.split())
    again = reproduce("--resume")
    assert again.exit_code == 0, again.output
    assert finished() == (sorted(WHOLE), 2)
    assert workers.started == 9  # the one that was cut short, twice
    assert reproduce("./mine.toml", "--resume").exit_code == 0
    assert reproduce(begun.id, "--resume").stdout == again.stdout
    assert workers.started == 9


def test_a_resumed_one_goes_on_as_it_was_asked_for(workers: Workers) -> None:
    workers.cut_short = 0
    assert reproduce("./mine.toml", "--quick", "--threads", "1").exit_code == 130
    Path("mine.toml").write_text("title = 'another'")
    assert reproduce("--resume").exit_code == 0
    found = Store(Path("records")).read_kind(Round)
    assert {(len(each.durations_ns), each.plan.runs, each.plan.threads) for each in found} == {(1, 2, 1)}


def test_what_a_resumed_one_has_a_value_of_its_own_for_is_refused() -> None:
    assert reproduce("./mine.toml").exit_code == 0
    done = reproduce("--resume", "--quick")
    assert done.exit_code == 2
    assert "--quick does not go with --resume" in done.stderr


def test_there_is_nothing_to_resume_and_what_there_is_is_named() -> None:
    assert (
        "holds no reproduction to resume; repeat the command"
        in effmod("reproduce", "--resume", "--store", str(store_with_nothing())).stderr
    )
    assert reproduce("./mine.toml").exit_code == 0
    other = reproduce("table1", "--resume")
    assert other.exit_code == 2
    assert "no reproduction of table1 to resume; the latest are 2" in other.stderr


def store_with_nothing() -> Path:
    path = Path("empty")
    path.mkdir()
    return path


def test_a_device_that_nobody_asked_for_and_is_not_there_is_said_under_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("mine.toml").write_text(SUITE.replace('["cpu"]', '["cpu", "cuda"]'))

    def check(device: Device, _: object) -> None:
        if device is Device.CUDA:
            raise DeviceUnavailableError("there is no GPU")

    monkeypatch.setattr(prepare, "check_installed", check)
    done = reproduce("./mine.toml")
    assert done.exit_code == 0, done.output
    assert "on cuda       there is no GPU" in done.stdout
    assert reproduce("./mine.toml", "--device", "cuda").exit_code == 3
    Path("mine.toml").write_text(SUITE.replace('["cpu"]', '["cuda"]'))
    assert reproduce("./mine.toml").exit_code == 3


def test_a_size_that_a_network_cannot_take_is_a_row_with_its_reason() -> None:
    suite = SUITE.replace('networks = ["a.onnx", "b.onnx"]\nruns', 'networks = ["a.onnx", "mobileone_s1"]\nruns')
    Path("mine.toml").write_text(suite.replace("rounds = 3", 'rounds = 3\nimage-size = "8,16"'))
    done = reproduce("./mine.toml")
    assert "mobileone_s1 at 8 px" in done.stdout


def test_what_is_wrong_is_said_before_anything_is_measured(workers: Workers) -> None:
    for add in ("efficientmod_xsx", "nope.onnx", "mine.py:net"):
        done = reproduce("./mine.toml", "--add", add)
        assert done.exit_code == 2, done.output
        assert add.partition(":")[0] in done.stderr
    assert "go back there" not in reproduce("./mine.toml", "--add", "nope.onnx").stderr
    assert workers.started == 0
    assert not Path("records").exists() or not Store(Path("records")).read_kind(Reproduction)


def test_what_nobody_could_use_is_refused(workers: Workers) -> None:
    assert "--device coreml" in reproduce("./mine.toml", "--device", "coreml").stderr
    in_turn = SUITE[: SUITE.index("[[measure]]")] + SUITE[SUITE.rindex("[[measure]]") :]
    Path("mine.toml").write_text(in_turn)
    done = reproduce("./mine.toml", "--runs", "5")
    assert done.exit_code == 2
    assert "--runs is for networks that are timed alone" in done.stderr
    assert "say which suite it joins" in reproduce("--add", "a.onnx").stderr
    assert workers.started == 0


def test_a_suite_for_another_device_is_left_out_of_several() -> None:
    Path("other.toml").write_text(SUITE.replace('["cpu"]', '["coreml"]'))
    done = reproduce("./other.toml", "./mine.toml", "--device", "cpu", "--threads", "1")
    assert done.exit_code == 0, done.output
    assert "left out: other.toml is for coreml, not for --device cpu" in done.stderr


def test_each_run_has_an_id_of_its_own_and_the_seed_of_all() -> None:
    assert reproduce("./mine.toml", "--seed", "7").exit_code == 0
    (begun,) = Store(Path("records")).read_kind(Reproduction)
    assert [(step.run.compared or step.run.plan).seed for step in begun.steps] == [7, 7]
    ids = [step.run.id for step in begun.steps]
    assert len(set(ids)) == len(ids) == 2


def test_one_suite_that_fails_stops_no_other(workers: Workers) -> None:
    Path("other.toml").write_text(SUITE.replace("mine", "other").replace('networks = ["a', 'networks = ["c'))
    write_onnx(Path("c.onnx"))
    workers.cut_short = 0
    assert reproduce("./other.toml", "./mine.toml").exit_code == 130
    Path("c.onnx").write_bytes(b"no model")
    done = reproduce("--resume")
    assert done.exit_code == 1, done.output
    assert "other.toml: c.onnx is not an ONNX file" in done.stderr
    assert finished() == (sorted(WHOLE), 2)
    assert reproduce("./other.toml").exit_code == 2


def test_what_is_added_is_measured_as_the_suite_says_and_shown_with_it() -> None:
    write_onnx(Path("c.onnx"), operator="Neg")
    done = reproduce("./mine.toml", "--add", "c.onnx", "--output-format", "csv")
    assert done.exit_code == 0, done.output
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
    assert rows.keys() == {"a.onnx", "b.onnx", "c.onnx"}
    assert {row["runs"] for row in rows.values()} == {"6"}
    assert "Left out, since csv holds one table" in done.stderr


def test_an_accuracy_of_what_is_added_is_shown_as_stated_by_the_user() -> None:
    write_onnx(Path("c.onnx"), operator="Neg")
    refused = reproduce("./mine.toml", "--top1", "c.onnx=77.3")
    assert refused.exit_code == 2
    assert "--top1 c.onnx: c.onnx is not measured; add it by --add c.onnx" in refused.stderr
    done = reproduce("./mine.toml", "--add", "c.onnx", "--top1", "c.onnx=77.3", "--output-format", "csv")
    assert done.exit_code == 0, done.output
    rows = {row["name"]: (row["top1"], row["top1_source"]) for row in csv.DictReader(io.StringIO(done.stdout))}
    assert rows == {"a.onnx": ("", ""), "b.onnx": ("", ""), "c.onnx": ("77.3", "stated by the user")}


def test_weights_are_for_what_is_added() -> None:
    done = reproduce("./mine.toml", "--checkpoint", "x.pth")
    assert done.exit_code == 2
    assert "--checkpoint x.pth is for what --add names" in done.stderr


def test_a_dry_run_says_what_each_run_would_do() -> None:
    done = reproduce("./mine.toml", "--dry-run")
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert "6 runs each, split over 3 processes" in said
    assert "each in turn with the first, 2 processes with 2 runs of each" in said
    rows = json.loads(reproduce("./mine.toml", "--dry-run", "--output-format", "json").stdout)
    assert [(row["name"], row["runs"]) for row in rows] == [("a.onnx", 6), ("b.onnx", 6), ("a.onnx", 4), ("b.onnx", 4)]
    assert not Path("records").exists()


def test_several_suites_are_no_single_table() -> None:
    Path("other.toml").write_text(SUITE)
    done = reproduce("./mine.toml", "./other.toml", "--output-format", "csv")
    assert done.exit_code == 2
    assert "--output-format csv holds one table; name one suite" in done.stderr


def test_what_is_added_to_files_timed_in_turn_is_timed_in_turn_with_the_first() -> None:
    write_onnx(Path("c.onnx"), operator="Neg")
    Path("mine.toml").write_text(SUITE[: SUITE.index("[[measure]]")] + SUITE[SUITE.rindex("[[measure]]") :])
    assert reproduce("./mine.toml", "--add", "c.onnx").exit_code == 0
    found = Store(Path("records")).read_kind(ComparisonProcess)
    assert {(each.baseline.name, each.candidate.name) for each in found} == {
        ("a.onnx", "b.onnx"),
        ("a.onnx", "c.onnx"),
    }


def test_without_a_suite_there_is_a_list_with_times() -> None:
    done = effmod("reproduce", "--output-format", "csv")
    assert done.exit_code == 0, done.output
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
    assert rows["table1"]["shows"] == "Table 1, figures 3 and 7"
    assert float(rows["table1"]["about_s"]) > float(rows["table4"]["about_s"]) > 0
    quick = effmod("reproduce", "--quick", "--output-format", "csv")
    faster = {row["name"]: row for row in csv.DictReader(io.StringIO(quick.stdout))}
    assert float(faster["table1"]["about_s"]) < 0.5 * float(rows["table1"]["about_s"])


def test_packages_are_made_and_told_of_without_a_mac() -> None:
    Path("mine.toml").write_text(
        f"""title = "packages"
view = "packages"
devices = ["coreml"]

[[measure]]
networks = ["{TARGET}"]
image-size = 32
"""
    )
    done = reproduce("./mine.toml", "--output-format", "csv")
    assert done.exit_code == 0, done.output
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert int(row["operators"]) >= 5
    assert 0 < float(row["relative_error"]) < 1e-2
    assert "conv 2" in row["kinds"]
    assert row["mean_ms"] == row["by_hand_ms"] == ""


def test_a_package_that_cannot_be_made_is_a_row_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def obtain(*_: object) -> None:
        raise FormatUnavailableError("coremltools is not installed")

    monkeypatch.setattr(runs_reproduce, "obtain_artifact", obtain)
    suite = SUITE[: SUITE.index("[[measure]]")] + '[[measure]]\nnetworks = ["efficientmod_xxs"]\n'
    Path("mine.toml").write_text(suite.replace('["cpu"]', '["coreml"]\nview = "packages"'))
    done = reproduce("./mine.toml")
    assert done.exit_code == 3
    assert "the package of efficientmod_xxs  coremltools is not installed" in done.stdout


def test_every_committed_reproduction_is_read() -> None:
    """A suite that changes its form must not lose what was asked before."""
    found = {path.parent for path in MEASURED.glob("*/*-reproduction.json")}
    assert len(found) >= 6
    for folder in found:
        assert len(list(Store(folder).records(Reproduction))) == len(list(folder.glob("*-reproduction.json")))
