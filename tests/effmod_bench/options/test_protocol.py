import pytest

from effmod_bench.errors import TargetError
from effmod_bench.options.places import Elsewhere
from effmod_bench.options.protocol import Undecided, check_gate, run_to_resume


def test_the_run_that_goes_on_is_the_one_named_or_the_latest() -> None:
    assert run_to_resume(["--resume", "--store", "--quiet"], ["20260101T000000-0000"]) == "20260101T000000-0000"
    assert run_to_resume(["--resume", "--round-timeout", "--no-wait", "--output-format"], None) is None
    assert run_to_resume(["--resume"], []) is None


@pytest.mark.parametrize("option", ["--runs", "--device", "--until", "--dry-run", "--fail-if-slower", "--undecided"])
def test_what_a_run_has_a_value_of_its_own_for_is_refused(option: str) -> None:
    with pytest.raises(TargetError, match=f"{option} does not go with --resume: a run goes on as it began"):
        run_to_resume(["--resume", option], None)


def test_the_command_that_is_printed_to_go_on_elsewhere_is_taken() -> None:
    printed = Elsewhere(on="ray://auto", same_versions=True).again.split()
    assert printed == ["--on", "ray://auto", "--same-versions"]
    assert run_to_resume(["--resume", *(word for word in printed if word.startswith("--"))], None) is None


def test_undecided_is_a_word_of_a_gate() -> None:
    check_gate(Undecided.FAIL, None)
    check_gate(Undecided.PASS, 0.05)
    with pytest.raises(TargetError, match="--undecided pass is for a gate: add --fail-if-slower 5%"):
        check_gate(Undecided.PASS, None)


def test_two_runs_do_not_go_on_at_once() -> None:
    with pytest.raises(TargetError, match="--resume takes one run, not 2: one, two"):
        run_to_resume(["--resume"], ["one", "two"])
