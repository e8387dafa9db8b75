import msgspec

from results import summarise
from results.plots.settings import by_store, settings_of
from tests.fakes import MACHINE, make_hand_entry, make_round, on_board, timed_artifact


def test_what_all_share_is_said_once() -> None:
    found = settings_of(by_store(summarise([make_round(threads=1), make_round(threads=2)])))
    assert found.shared == "A CPU, ONNX Runtime, batch 1, plain form"
    assert found.own == ("1 thread", "2 threads")


def test_what_ran_on_other_cores_or_warmed_up_otherwise_is_told_apart() -> None:
    record = make_round(machine=msgspec.structs.replace(MACHINE, affinity=(0, 1)))
    moved = make_round(machine=msgspec.structs.replace(MACHINE, affinity=(4, 5)))
    colder = msgspec.structs.replace(record, plan=msgspec.structs.replace(record.plan, warmup_runs=0))
    assert settings_of(by_store(summarise([record, moved, colder]))).own == (
        "warm-up runs: 50, cores: 0-1",
        "warm-up runs: 50, cores: 4-5",
        "warm-up runs: 0, cores: 0-1",
    )


def test_boards_of_one_kind_are_told_apart() -> None:
    record = make_round()
    found = settings_of(by_store(summarise([record, on_board(record, "pi5"), on_board(record, "pi6")])))
    assert found.own == ("A CPU", "A CPU on pi5", "A CPU on pi6")
    alone = settings_of(by_store(summarise([on_board(record, "pi5")])))
    assert alone.shared == "A CPU on pi5, ONNX Runtime, 2 threads, batch 1, plain form"


def test_stores_are_told_apart_by_their_names_which_say_enough() -> None:
    newer = msgspec.structs.replace(MACHINE, versions={"python": "3.13"})
    stores = {"before": summarise([make_round()]), "after": summarise([make_round(machine=newer)])}
    assert settings_of(stores).own == ("before", "after")
    both = {"before": summarise([make_round(), make_round(machine=newer)]), "after": summarise([make_round()])}
    assert settings_of(both).own == (
        "before, versions: python 3.11.7",
        "before, versions: python 3.13",
        "after, versions: python 3.11.7",
    )


def test_a_file_without_a_form_is_no_setting_of_its_own() -> None:
    own = make_round(artifact=timed_artifact("a.onnx", form=None))
    assert settings_of(by_store(summarise([make_round(), own]))).own == ("", "")
    rewritten = make_round(artifact=timed_artifact(form="rewritten"))
    assert settings_of(by_store(summarise([make_round(), own, rewritten]))).own == (
        "plain form",
        "",
        "rewritten form",
    )


def test_what_was_entered_by_hand_says_so() -> None:
    found = settings_of(by_store(summarise([make_round()])), [make_hand_entry()])
    assert found.own[1] == "iPhone 13, ModelBench 1.0, iOS 17.5, compute units: all, entered by hand"
    alone = settings_of({}, [make_hand_entry()])
    assert alone.own == ("",)
    assert alone.shared.endswith("entered by hand")


def test_an_axis_says_its_own_fact() -> None:
    found = settings_of(by_store(summarise([make_round(threads=1), make_round(threads=2)])), besides=["threads"])
    assert found.own == ("", "")
