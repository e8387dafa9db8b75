import os
from pathlib import Path

import pytest

from effmod_bench.errors import TargetError
from effmod_bench.runs.theirs import check_apart, digest, is_store, opened
from effmod_bench.screen.console import Console
from results import Round, StoreError
from tests.effmod_bench.support import store_with
from tests.results.sharing.support import RECORD, make_zip


def test_what_a_path_is_decides() -> None:
    store_with(Path("then"))
    make_zip(Path("numbers.zip"), ("x.json", RECORD))
    make_zip(Path("no-suffix"), ("x.json", RECORD))
    Path("mine.toml").write_text("title = 'x'")
    assert is_store("./then")
    assert is_store("numbers.zip")
    assert is_store("./no-suffix")
    assert is_store("missing.zip")
    assert not is_store("./mine.toml")
    assert not is_store("then")  # as table1 is a suite's name, whatever folder is called so
    assert not is_store("./missing")


def test_what_is_wrong_with_a_record_names_the_zip() -> None:
    make_zip(Path("numbers.zip"), ("records/x.json", RECORD), ("records/later.json", b'{"schema_version": 99}'))
    with (
        pytest.raises(StoreError, match=r"^numbers.zip: later.json has schema version 99"),
        opened(Console(-1), Path("numbers.zip")) as store,
    ):
        store.read_kind(Round)


def test_a_zip_is_read_in_a_folder_that_goes_and_a_folder_where_it_is() -> None:
    make_zip(Path("numbers.zip"), ("x.json", RECORD))
    with opened(Console(-1), Path("numbers.zip")) as store:
        assert len(store.read_kind(Round)) == 1
        place = store.path
    assert not place.exists()
    with opened(Console(-1), store_with(Path("then"))) as store:
        assert store.path == Path("then")


def test_it_is_known_by_what_it_holds() -> None:
    store = store_with(Path("then"))
    before = digest(store)
    (store / "note.txt").write_text("no record")
    assert digest(store) == before
    (store / "more.json").write_bytes(RECORD)
    assert digest(store) != before
    with pytest.raises(StoreError, match="cannot read missing"):
        digest(Path("missing.zip"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for() -> None:
    os.mkfifo("pipe")
    os.mkfifo("pipe.zip")
    assert not is_store("./pipe")
    with pytest.raises(StoreError, match="no regular file"):
        digest(Path("pipe.zip"))


def test_ones_own_store_is_not_compared_with_itself() -> None:
    store = store_with(Path("then"))
    check_apart(store, Path("again"))
    with pytest.raises(TargetError, match="name another folder, as in --store again"):
        check_apart(store, Path("../") / Path.cwd().name / "then")
