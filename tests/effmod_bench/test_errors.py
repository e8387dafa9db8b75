import errno

import pytest

from effmod_bench.errors import ExitCode, exit_code
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


def test_what_nobody_foresaw_is_a_bug() -> None:
    assert exit_code(ZeroDivisionError()) is ExitCode.BUG
