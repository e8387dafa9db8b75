"""Standard input, output and error as they may be found: closed, full, left by their reader, of few characters.

A result that cannot be printed ends the command. A note or a warning that cannot ends nothing: what is measured matters
more.
"""

import codecs
import errno
import io
import os
import sys
from contextlib import suppress
from typing import TextIO

# What tables mark things with, for where the output's encoding lacks it.
_PLAIN = str.maketrans("¹²³⁴⁵⁶≈─…", "123456~-.")
_IN_PLAIN = "effmod"


class PrintError(Exception):
    """Standard output cannot be written; the message says why."""


class ReaderGoneError(PrintError):
    """Whoever read standard output has read enough, as `head` does; nothing is to be said of it."""


class _Output(io.TextIOWrapper):
    """Standard output, which says what is the matter with it. Others would take an OSError for one of their own."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise _print_error(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise _print_error(error) from error


class _Error(io.TextIOWrapper):
    """Standard error, where nothing is said of what cannot be said."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def prepare() -> None:
    """Take the standard streams in hand."""
    codecs.register_error(_IN_PLAIN, _in_plain)
    for number in range(3):
        _fill(number)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as the program runs
    if sys.stderr is None:
        sys.stderr = _Error(open(2, "wb", closefd=False), "utf-8", _IN_PLAIN)  # noqa: SIM115
    else:
        sys.stderr = _taken(_Error, sys.stderr)
    if sys.stdout is not None:
        sys.stdout = _taken(_Output, sys.stdout)


def check() -> None:
    """Find out early whether anything can be printed.

    Raises:
        PrintError: standard output is closed.
    """
    if sys.stdout is None:
        raise PrintError("cannot print: standard output is closed; '>/dev/null' throws away what is printed")


def finish() -> None:
    """Write what is still to be written.

    Raises:
        PrintError: it cannot be.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def give_up() -> None:
    """Throw away what standard output did not take, or the interpreter would try it again at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _fill(number: int) -> None:
    """Nothing that is opened later shall have the number of a stream, or what others print would go into it.

    Nor may a process that is started from here lack one.
    """
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)
        os.set_inheritable(number, True)


def _taken(kind: type[_Output | _Error], stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # of a test's or a notebook's
    # The stream itself lives on as sys.__stdout__ or sys.__stderr__, or it would close what the two share.
    return kind(stream.buffer, stream.encoding, _IN_PLAIN, line_buffering=stream.line_buffering)


def _print_error(error: OSError) -> PrintError:
    if error.errno in (errno.EPIPE, errno.EINVAL):  # Windows says EINVAL
        return ReaderGoneError("whoever read the output is gone")
    return PrintError(f"cannot print: {error.strerror}")


def _in_plain(error: UnicodeError) -> tuple[str, int]:
    """Something plain where the encoding of the output lacks a character, as those of Windows do."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = error.object[error.start : error.end].translate(_PLAIN)
    return plain.encode("ascii", "replace").decode(), error.end
