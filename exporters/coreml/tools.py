"""coremltools: whether it is there, imported late, mended and kept quiet."""

import contextlib
import importlib.util
import io
import os
import platform
import sys
from collections.abc import Iterator
from typing import Any

from exporters.config import Compression
from exporters.coreml import workarounds as coreml_workarounds
from exporters.errors import FormatUnavailableError
from exporters.quiet import quiet as quiet_loggers
from exporters.rewrites import register_with_coremltools
from models.zoo.words import first_line


def check_available() -> None:
    """Find out early, and without importing it, whether coremltools is there.

    Raises:
        FormatUnavailableError: it is not.
    """
    if importlib.util.find_spec("coremltools") is None:
        raise FormatUnavailableError(_unavailable("coremltools is not installed"))


def import_coremltools() -> Any:
    """coremltools, mended where it needs it.

    Raises:
        FormatUnavailableError: it is not installed, or its compiled parts are not for this machine.
    """
    check_available()
    try:
        with quiet():
            import coremltools
            import coremltools.libmilstoragepython  # writes weights; without it a conversion fails at its end

            coreml_workarounds.apply()
            register_with_coremltools()
    except ImportError as error:
        raise FormatUnavailableError(_unavailable(f"coremltools does not load ({first_line(error)})")) from error
    return coremltools


def check_compression(compress: Compression) -> None:
    """Find out early whether the weights can be compressed.

    Raises:
        FormatUnavailableError: what it needs is not installed.
    """
    if compress is Compression.PALETTE6 and importlib.util.find_spec("sklearn") is None:
        raise FormatUnavailableError(
            "--compress palette6 needs scikit-learn, which is not installed: "
            "pip install scikit-learn in effmod's environment, or use --compress int8"
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """coremltools narrates through warnings, loggers, progress bars and the process's own stderr.

    What matters of it is in the exception.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(quiet_loggers("coremltools", "torch"))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(_silent_stderr())
        yield


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Send what compiled code writes to the process's stderr nowhere."""
    try:
        kept = os.dup(2)
    except OSError:  # the process has none
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _unavailable(why: str) -> str:
    return (
        f"Core ML packages cannot be made here: {why}. coremltools 9 is for macOS, and for Linux on x86-64, with "
        f"Python 3.11 to 3.13, and this is {platform.system()} on {platform.machine()} with Python "
        f"{sys.version_info[0]}.{sys.version_info[1]}. Install effmod there, or use --format onnx"
    )
