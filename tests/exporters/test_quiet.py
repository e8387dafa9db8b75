import logging
import sys
import warnings

import pytest

from exporters.quiet import quiet


def test_warnings_and_the_named_loggers_are_not_heard_and_speak_again_afterwards(
    caplog: pytest.LogCaptureFixture,
) -> None:
    talker, other = logging.getLogger("effmod.talker"), logging.getLogger("effmod.other")
    talker.setLevel(logging.INFO)
    with quiet("effmod.talker"):
        warnings.warn("never heard", stacklevel=1)  # an error in the tests, otherwise
        talker.error("never heard")
        other.error("heard")
    talker.error("heard again")
    assert [record.message for record in caplog.records] == ["heard", "heard again"]


def test_they_speak_again_where_something_failed() -> None:
    talker = logging.getLogger("effmod.talker")
    talker.setLevel(logging.INFO)
    with pytest.raises(ZeroDivisionError), quiet("effmod.talker"):
        _ = 1 / 0
    assert talker.level == logging.INFO


def test_what_is_printed_on_standard_error_is_not_heard(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        sys.stderr.write("a graph of torch's")
    assert capsys.readouterr().err == ""
