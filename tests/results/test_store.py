import errno
import os
from pathlib import Path

import msgspec
import pytest

import results
from results import ComparisonProcess, Outcome, Record, Round, RuntimeOptions, Store, StoreError
from tests.fakes import make_comparison_process, make_round

MEASURED = Path(results.__file__).parent / "measured"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "records")


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    store.check_writable()
    records = [make_round([1.5, 2.5], index=0), make_round(index=1, failure="killed")]
    for record in reversed(records):
        store.write(record)
    assert store.read() == records


def test_a_store_is_one_file_a_round(store: Store) -> None:
    store.check_writable()
    path = store.write(make_round())
    assert [file.name for file in store.path.iterdir()] == [path.name]
    assert msgspec.json.decode(path.read_bytes())["durations_ns"] == [10_000_000, 11_000_000, 12_000_000]


def test_what_a_killed_process_was_about_to_store_goes_once_nobody_can_be_writing_it(store: Store) -> None:
    store.check_writable()
    dead, living, folder = (store.path / f".partial-{name}" for name in ("dead", "living", "folder"))
    folder.mkdir()
    for file in (dead, living):
        file.write_text("{")
    now_s = living.stat().st_mtime
    for path, age_s in ((dead, 3700), (living, 3500), (folder, 3700)):
        os.utime(path, (now_s - age_s, now_s - age_s))
    store.check_writable()
    assert set(store.path.iterdir()) == {living, folder}


def test_a_record_is_never_overwritten(store: Store) -> None:
    store.check_writable()
    store.write(make_round([1.0]))
    with pytest.raises(StoreError, match="never overwritten"):
        store.write(make_round([2.0]))
    assert store.read() == [make_round([1.0])]


def test_two_stores_merge_by_copying(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    for each, run_id in ((store, "20260101T000000-aaaa"), (other, "20260101T000000-bbbb")):
        each.check_writable()
        each.write(make_round(run_id=run_id))
    for file in other.path.iterdir():
        (store.path / file.name).write_bytes(file.read_bytes())
    assert {record.run_id[-4:] for record in store.read()} == {"aaaa", "bbbb"}


def test_a_copy_of_a_record_counts_once(store: Store) -> None:
    store.check_writable()
    path = store.write(make_round())
    path.with_name(f"{path.stem} (1).json").write_bytes(path.read_bytes())
    assert store.read() == [make_round()]


def test_two_contents_of_one_record_are_refused_by_the_names_of_both(store: Store) -> None:
    store.check_writable()
    path = store.write(make_round([1.0]))
    copy = path.with_name(f"a {path.stem} (1).json")
    copy.write_bytes(msgspec.json.encode(make_round([2.0])))
    with pytest.raises(StoreError, match=r"has the id of .* and other content") as raised:
        store.read()
    assert str(path) in str(raised.value)
    assert str(copy) in str(raised.value)
    said: list[str] = []
    assert Store(store.path, on_damaged=said.append).read() == [make_round([1.0])]
    assert said == [f"left out: {raised.value}"]


def test_a_damaged_file_hides_no_other_where_somebody_is_told_of_it_once(store: Store) -> None:
    store.check_writable()
    store.write(make_round())
    (store.path / "torn.json").write_text('{"schema_version": 2, "id"')
    said: list[str] = []
    told = Store(store.path, on_damaged=said.append)
    assert told.read() == [make_round()]
    assert told.read_kind(ComparisonProcess) == []
    (message,) = said
    assert message.startswith(f"left out: {store.path / 'torn.json'} is not a record of effmod")
    (store.path / "torn.json").write_text('{"schema_version": 99}')
    with pytest.raises(StoreError, match=r"torn\.json has schema version 99"):
        told.read()


def test_a_write_that_fails_leaves_no_trace_and_loses_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.check_writable()
    store.write(make_round(index=0))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device; free some space"):
        store.write(make_round(index=1))
    with pytest.raises(StoreError, match="No space left"):
        store.check_writable()
    monkeypatch.undo()
    assert [record.index for record in store.read()] == [0]
    assert len(list(store.path.iterdir())) == 1


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EFBIG, "raise the limit on the size of a file"),
        (errno.EROFS, "choose a folder that you can write"),
    ],
)
def test_each_cause_has_its_own_advice(code: int, advice: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    store.check_writable()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError, match=f"{os.strerror(code)}; {advice}.*--store"):
        store.write(make_round())


def test_an_unwritable_store_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot write to the store .*file.*--store"):
        Store(tmp_path / "file").check_writable()


def test_a_store_that_was_moved_away_says_so(store: Store, tmp_path: Path) -> None:
    store.check_writable()
    store.path.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="moved or deleted"):
        store.write(make_round())


def test_a_missing_and_an_empty_store_say_what_would_fill_them(store: Store) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        store.read()
    store.check_writable()
    with pytest.raises(StoreError, match="holds no measurements"):
        store.read()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"schema_version": 99}', "schema version 99.*reads versions 1 to 3; use the effmod that wrote it"),
        ('{"schema_version": 4, "kind": "round"}', "has schema version 4, and this effmod reads versions 1 to 3"),
        ('{"schema_version": 99, "kind": "dream"}', "schema version 99"),
        ('{"schema_version": 1}', "is not a record of effmod"),
        ('{"schema_version": 2, "id": "a", "durations_ns": [1, 2', "is not a record of effmod.*move it out"),
        ("", "is not a record of effmod"),
        ('{"schema_version": 2, "kind": "\udcff"}', "is not a record of effmod"),
        ('{"schema_version": 2, "more": ' + "[" * 100_000, "is not a record of effmod"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(content: str, said: str, store: Store) -> None:
    store.check_writable()
    store.write(make_round())
    (store.path / "other.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(StoreError, match=said) as caught:
        store.read()
    assert "other.json" in str(caught.value)


class Note(Record, frozen=True, kw_only=True, tag="note"):
    folder: Path


def test_kinds_of_records_share_a_store_and_are_read_apart(store: Store) -> None:
    store.check_writable()
    note = Note(id="note", started_at="2026-01-01T00:00:00.000+00:00", folder=Path("a/b"))
    store.write(note)
    assert store.read_kind(Note) == [note]
    with pytest.raises(StoreError, match="holds no measurements"):
        store.read()
    store.write(make_round())
    assert store.read() == [make_round()]
    assert store.read_kind(Note) == [note]


def test_a_record_of_version_1_is_read(store: Store) -> None:
    store.check_writable()
    old = (Path(__file__).parent / "round-version-1.json").read_bytes()
    assert b'"kind"' not in old
    (store.path / "old.json").write_bytes(old)
    (record,) = store.read()
    assert record.outcome is Outcome.OK
    assert record.durations_ns == (5335662, 5315671, 5260169, 5216974, 5142612)
    assert record.plan.options == RuntimeOptions()
    assert record.attempt == 0


def test_a_record_of_version_2_is_read(store: Store) -> None:
    store.check_writable()
    old = next((MEASURED / "amd-epyc-2-cores-table-1").glob("*-efficientmod_xxs-0.json")).read_bytes()
    assert b'"schema_version":2' in old
    assert b'"graph_optimization"' not in old
    (store.path / "old.json").write_bytes(old)
    (record,) = store.read()
    assert record.schema_version == 2
    assert record.plan.options == RuntimeOptions()
    assert record.gpu_durations_ns is None
    assert len(record.durations_ns) == 800


def test_a_new_record_is_of_version_3(store: Store) -> None:
    store.check_writable()
    assert msgspec.json.decode(store.write(make_round()).read_bytes())["schema_version"] == 3


@pytest.mark.parametrize("folder", sorted(path for path in MEASURED.iterdir() if path.is_dir()), ids=lambda p: p.name)
def test_what_was_measured_before_can_be_read(folder: Path) -> None:
    store = Store(folder)
    records = [*store.read_kind(Round), *store.read_kind(ComparisonProcess)]
    assert len(records) == len(list(folder.glob("*-*-*-*.json"))) > 0


def test_what_a_killed_writer_left_is_passed_over(store: Store) -> None:
    store.check_writable()
    store.write(make_round())
    (store.path / ".partial-abc").write_text("{half")
    assert len(store.read()) == 1


def test_a_comparison_comes_back_from_a_store_beside_rounds(tmp_path: Path) -> None:
    store = Store(tmp_path)
    records = [make_comparison_process(index=index) for index in range(2)]
    for record in records:
        store.write(record)
    store.write(make_round())
    assert store.read_kind(ComparisonProcess) == records
    assert store.read() == [make_round()]
