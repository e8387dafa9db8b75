"""ONNX in int8, by ONNX Runtime's own quantization. Such a file is not equal to the one that it was made of."""

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantType,
    quant_pre_process,
    quantize_dynamic,
    quantize_static,
)

from exporters.config import Int8
from exporters.derived.cpu import read_cpu
from exporters.errors import ExportError
from models.zoo.words import first_line

_WARNING, _FATAL = 2, 4  # of ONNX Runtime's severities; the first is its own choice

Feed = Mapping[str, npt.NDArray[Any]]


class _Examples(CalibrationDataReader):
    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._left = iter(feeds)

    def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
        feed = next(self._left, None)
        return None if feed is None else dict(feed)


def quantize(path: Path, new: Path, kind: Int8, feeds: Sequence[Feed]) -> None:
    """Write a float32 file with its products in int8, weights inside. Inputs and outputs stay float32.

    Scales found anew pay for matrix products alone: the runtime's convolution of that kind loses to its float32 one.

    Args:
        feeds: the examples that static scales are found over; for each inference, the inputs by name.

    Raises:
        ExportError: ONNX Runtime cannot quantize the file.
        OSError: a file cannot be read or written.
    """
    try:
        with _silence(), tempfile.TemporaryDirectory() as folder:
            whole, prepared = Path(folder) / "whole.onnx", Path(folder) / "prepared.onnx"
            onnx.save(onnx.load(path), whole)  # the runtime would keep the references to weights beside the file
            quant_pre_process(whole, prepared, skip_symbolic_shape=True)
            match kind:
                case Int8.DYNAMIC:
                    quantize_dynamic(prepared, new, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8)
                case Int8.STATIC:
                    quantize_static(
                        prepared,
                        new,
                        _Examples(feeds),
                        per_channel=True,
                        activation_type=QuantType.QUInt8,
                        weight_type=QuantType.QInt8,
                        reduce_range=_saturates(),
                    )
    except OSError:  # a full disk is no fault of the file
        raise
    except Exception as error:  # it raises what it likes
        raise ExportError(f"{path.name} cannot be made {kind}: {first_line(error)}") from error


def _saturates() -> bool:
    """Whether the CPU sums products of bytes in 16 bits, as x86 does without VNNI: then weights take 7 bits."""
    _, instructions = read_cpu()
    return "sse2" in instructions and not any("vnni" in name for name in instructions)


@contextmanager
def _silence() -> Iterator[None]:
    """The quantizer gives advice through the root logger, and would leave it a handler; what matters it raises."""
    root, nowhere = logging.getLogger(), logging.NullHandler()
    level = root.level
    onnxruntime.set_default_logger_severity(_FATAL)  # of the sessions that it opens itself
    root.addHandler(nowhere)
    root.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(_WARNING)
        root.setLevel(level)
        root.removeHandler(nowhere)
