import errno

import pytest

from effmod_bench.errors import ExitCode, describe, exit_code
from exporters import FormatUnavailableError


def test_a_missing_converter_is_code_3() -> None:
    assert exit_code(FormatUnavailableError("no wheel")) == 3


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, ExitCode.STORE),
        (errno.EFBIG, ExitCode.STORE),
        (errno.ENAMETOOLONG, ExitCode.USAGE),
        (errno.EACCES, ExitCode.BUG),
    ],
)
def test_a_full_disk_and_too_long_a_name_are_no_bugs(number: int, code: ExitCode) -> None:
    assert exit_code(OSError(number, "said by the system")) is code


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "'ulimit -n 1024' in the same shell"),
        (OSError(errno.ENFILE, "Too many open files in system"), "close other programs"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "raise 'ulimit -u'"),
        (RuntimeError("can't start new thread"), "raise 'ulimit -u'"),
        (
            FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
            "['/tmp']); free some space",
        ),
        (MemoryError(), "no memory left"),
    ],
)
def test_what_the_system_has_too_little_of_is_named_with_what_would_help(error: Exception, said: str) -> None:
    assert exit_code(error) is ExitCode.UNAVAILABLE
    assert said in describe(error)


def test_what_nobody_foresaw_is_a_bug() -> None:
    assert exit_code(ZeroDivisionError()) is ExitCode.BUG
