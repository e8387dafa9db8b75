import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from models.zoo.output import prints_to_standard_error


def test_what_python_and_others_print_goes_to_standard_error_and_back_again(capfd: pytest.CaptureFixture[str]) -> None:
    with prints_to_standard_error():
        print("from Python")  # noqa: T201 - what is tested
        os.write(1, b"from native code\n")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    print("and back")  # noqa: T201 - what is tested
    said = capfd.readouterr()
    assert sorted(said.err.splitlines()) == ["from Python", "from a child", "from native code"]
    assert said.out == "and back\n"


@contextmanager
def closed(descriptor: int) -> Iterator[None]:
    kept = os.dup(descriptor)
    os.close(descriptor)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)


@pytest.mark.parametrize("descriptor", [1, 2])
def test_a_stream_that_is_closed_stays_so(descriptor: int) -> None:
    with closed(descriptor):
        with prints_to_standard_error():
            pass
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
