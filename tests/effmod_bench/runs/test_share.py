import getpass
import os
import socket
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from effmod_bench.options.export import ExportChoices
from effmod_bench.runs import share as share_module
from effmod_bench.runs.plan import Anchor, RunPlan
from exporters.artifact.hashes import sha256_of
from exporters.feeds.given import Given
from results import AccuracyRecord, ArtifactSource, ComparisonPlan, Record
from results.sharing import limits
from tests.effmod_bench.runs.support import run_plan
from tests.effmod_bench.support import effmod, store_with
from tests.fakes import (
    GPU,
    make_accuracy,
    make_comparison_process,
    make_hand_entry,
    make_profile,
    make_round,
    timed_artifact,
    write_onnx,
)

PLACES = (
    "/home/alice/secret/net.onnx",
    "'/home/alice smith/secret/net.onnx'",
    r"C:\Users\alice\secret\net.onnx",
    r"\\host-of-alice\secret\net.onnx",
    "~alice/secret/net.onnx",
    "../alice/secret/net.onnx",
    "/home/alice",
    "/Users/alice.secret",
)
TELLING = (b"alice", b"secret", b"host-of", b"Users")


def packed(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def hostile(record: Any, text: str, fields: tuple[str, ...] = ()) -> Any:
    """A record's builtins with a text in every place that takes any."""
    fixed = {"kind", "id", "run_id", "started_at", "device", "runtime", "outcome", "graph_optimization", "source"}
    match record:
        case str():
            is_model = fields[-2:] == ("inputs", "name") or fields[-1] in fixed or "input_shapes" in fields
            choice = "choices" in fields and fields[-1] != "checkpoint"
            return record if is_model or choice else text
        case dict():
            return {
                (text if fields[-1:] in (("versions",), ("provider_options",), ("parts_ns",)) else name): hostile(
                    value, text, (*fields, name)
                )
                for name, value in record.items()
            }
        case list() | tuple():
            return [hostile(each, text, fields) for each in record]
    return text if record is None and fields[-1:] in (("cpu_model",), ("governor",), ("effmod_commit",)) else record


def records(text: str) -> list[Record]:
    made = make_round()
    made = msgspec.structs.replace(
        made, environment=msgspec.structs.replace(made.environment, gpu_before=GPU), parts_ns={"part": (1, 1, 1)}
    )
    plan = run_plan()
    run = msgspec.structs.replace(
        plan,
        id="20260101T000000-0000",
        targets=("/home/alice/secret/mine.py:net(width=4)", r"C:\alice\net.onnx", "secret/x.onnx"),
        choices=ExportChoices(
            checkpoint=Path("/home/alice/secret/best.pth"),
            checkpoints=(("/home/alice/secret/mine.py:net", Path("secret/other.pth")),),
        ),
        top1={"secret/x.onnx": 77.3},
        given=Given(feed=("x=/home/alice/x.npy", "y=1"), source=Path("/home/alice/feeds")),
        anchor=Anchor(target="/home/alice/net.onnx", plan=ComparisonPlan()),
        reproduction="of-alice",
    )
    every: list[Record] = [
        made,
        make_round(failure="x", index=1),
        make_comparison_process(),
        make_accuracy(made.artifact),
        run,
    ]
    return [
        msgspec.convert(hostile(msgspec.to_builtins(each, enc_hook=os.fspath), text), type(each), dec_hook=_path)
        if not isinstance(each, RunPlan)
        else each
        for each in every
    ]


def _path(kind: Any, value: str) -> Any:
    return kind(value)


@pytest.mark.parametrize("text", PLACES)
def test_no_field_of_any_record_lets_a_place_through(text: str) -> None:
    store_with(Path("then"), *records(text))
    stored = [path.read_bytes() for path in Path("then").iterdir()]
    assert all(any(word in content for word in TELLING) for content in stored)
    done = effmod("share", "then", "-o", "numbers.zip")
    assert done.exit_code == 0, done.output
    found = packed(Path("numbers.zip"))
    assert len(found) == 7
    assert [(name, word) for name, content in found.items() for word in TELLING if word in content] == []
    run = msgspec.json.decode(found["records/20260101T000000-0000.json"])
    assert run["targets"] == ["mine.py:net(width=4)", "net.onnx", "x.onnx"]
    assert (run["choices"]["checkpoints"], run["top1"]) == ([["mine.py:net", "other.pth"]], {"x.onnx": 77.3})
    assert (run["choices"]["checkpoint"], run["anchor"]["target"]) == ("best.pth", "net.onnx")
    assert run["given"] == {"feed": ["x=x.npy", "y=1"], "source": "feeds"}
    assert run["reproduction"] is None


def test_records_without_places_travel_as_they_are_and_what_is_left_out_is_said() -> None:
    round_, pair = make_round(), make_comparison_process()
    store_with(Path("then"), round_, pair, make_hand_entry(), make_profile([[10], [20]], modules=["a", None]))
    (Path("then") / "r-reproduction.json").write_text('{"kind":"reproduction","schema_version":3}')
    done = effmod("share", "then", "-o", "numbers.zip")
    assert done.exit_code == 0, done.output
    found = packed(Path("numbers.zip"))
    assert msgspec.json.decode(found[f"records/{round_.id}.json"], type=type(round_)) == round_
    assert msgspec.json.decode(found[f"records/{pair.id}.json"], type=type(pair)) == pair
    assert "left out: 1 record, a figure that was entered by hand" in done.stderr
    assert "left out: 1 record, a profile" in done.stderr
    assert "left out: 1 record, a list of what 'effmod reproduce' was to measure" in done.stderr
    assert "entered by hand" in found["README.txt"].decode()
    again = effmod("share", "then", "-o", "again.zip")
    assert again.exit_code == 0
    assert Path("again.zip").read_bytes() == Path("numbers.zip").read_bytes()


def test_an_accuracy_travels_without_the_name_of_its_images_and_with_what_it_is_of() -> None:
    round_ = make_round()
    own = msgspec.structs.replace(make_accuracy(round_.artifact), data="ada-holiday-photos")
    secret = msgspec.structs.replace(timed_artifact("secret.onnx"), sha256="9" * 64, weights=None)
    store_with(Path("then"), own, make_accuracy(secret), round_)
    done = effmod("share", "then", "-o", "numbers.zip")
    assert done.exit_code == 0, done.output
    found = packed(Path("numbers.zip"))
    assert [name for name, content in found.items() if b"holiday" in content or b"secret" in content] == []
    travelled = msgspec.json.decode(found[f"records/{own.id}.json"], type=AccuracyRecord)
    assert travelled == msgspec.structs.replace(own, data="labelled images")
    assert "left out: 1 record, an accuracy of what was not timed" in done.stderr


def test_a_name_of_the_user_or_host_that_is_left_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "alice")
    monkeypatch.setattr(socket, "gethostname", lambda: "tower.example.org")
    store_with(Path("then"), make_round(artifact=timed_artifact("alice_net")), make_round(failure="on tower", index=1))
    done = effmod("share", "then", "-o", "numbers.zip")
    said = " ".join(done.stderr.split())
    assert "'alice', the name of this user or host, stands in what others would read" in said
    assert "'tower', the name" in said
    assert "on tower" in said


def own_file(name: str = "net.onnx") -> Any:
    artifact = timed_artifact(name, form=None)
    sha256 = sha256_of(Path(name)) if Path(name).exists() else "7" * 64
    return make_round(
        artifact=msgspec.structs.replace(artifact, source=ArtifactSource.FILE, sha256=sha256, weights=None)
    )


def test_files_of_the_owners_stay_with_him_unless_he_says_so() -> None:
    write_onnx(Path("net.onnx"))
    sha256 = sha256_of(Path("net.onnx"))
    store_with(Path("then"), own_file())
    done = effmod("share", "then", "-o", "numbers.zip")
    assert f"--with-files brings them along: net.onnx (sha256 {sha256[:7]})" in " ".join(done.stderr.split())
    assert not [name for name in packed(Path("numbers.zip")) if name.startswith("files/")]
    done = effmod("share", "then", "-o", "numbers.zip", "--with-files")
    assert "files of yours are in it: net.onnx" in done.stderr
    assert "Who has it enters: effmod reproduce ./numbers.zip --files ./numbers.zip" in done.stderr
    assert packed(Path("numbers.zip"))[f"files/{sha256}/net.onnx"] == Path("net.onnx").read_bytes()
    write_onnx(Path("net.onnx"), nodes=2)
    done = effmod("share", "then", "-o", "numbers.zip", "--with-files")
    assert "not found by its hash" in done.stderr
    assert not [name for name in packed(Path("numbers.zip")) if name.startswith("files/")]


def test_no_more_files_are_brought_than_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    write_onnx(Path("net.onnx"))
    store_with(Path("then"), own_file())
    monkeypatch.setattr(limits, "FILES_BYTES", Path("net.onnx").stat().st_size - 1)
    done = effmod("share", "then", "-o", "numbers.zip", "--with-files")
    assert done.exit_code == 0, done.output
    assert "in several files, or more than" in " ".join(done.stderr.split())
    assert not [name for name in packed(Path("numbers.zip")) if name.startswith("files/")]


def test_more_records_than_are_read_are_refused_with_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    store_with(Path("then"), make_round(), make_round(index=1))
    for limit, value in (("MOST_ENTRIES", 3), ("RECORDS_BYTES", 100)):
        with monkeypatch.context() as patch:
            patch.setattr(limits, limit, value)
            done = effmod("share", "then", "-o", "numbers.zip")
        assert done.exit_code == 2
        assert "then holds 2 records" in done.stderr
        assert not Path("numbers.zip").exists()
    assert effmod("share", "then", "-o", "numbers.zip").exit_code == 0


def test_a_checkpoint_is_found_by_its_hash() -> None:
    Path("weights").mkdir()
    checkpoint = Path("weights") / "best.pth"
    checkpoint.write_bytes(b"weights")
    sha256 = sha256_of(checkpoint)
    artifact = msgspec.structs.replace(timed_artifact(), weights=f"best.pth (sha256 {sha256[:12]})")
    store_with(Path("then"), make_round(artifact=artifact), run_plan())
    done = effmod("share", "then", "-o", "numbers.zip", "--with-files")
    assert done.exit_code == 0, done.output
    assert packed(Path("numbers.zip"))[f"files/{sha256}/best.pth"] == b"weights"


def test_wrong_use_is_said() -> None:
    assert effmod("share", "missing").exit_code == 5
    store_with(Path("by-hand"), make_hand_entry())
    assert effmod("share", "by-hand").exit_code == 5
    store_with(Path("then"))
    done = effmod("share", "then", "-o", "numbers.tar")
    assert done.exit_code == 2
    assert "is to be a file that ends in .zip" in done.stderr
    done = effmod("share", "then", "-o", "no/where/numbers.zip")
    assert done.exit_code == 5
    assert "cannot write no/where/numbers.zip" in done.stderr
    assert effmod("share", "then").exit_code == 0
    assert Path("numbers.zip").exists()


def test_an_id_that_is_a_path_is_no_name_in_the_zip() -> None:
    assert share_module._name(msgspec.structs.replace(make_round(), id="../x"), {}) == "record-000000"
