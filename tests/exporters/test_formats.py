from pathlib import Path

import pytest

from exporters import CoreMLConfig, ExportConfig, Format, OnnxConfig
from exporters.formats import FORMATS, file_name, format_of
from tests.fakes import write_onnx

CONFIGS: dict[Format, ExportConfig] = {
    Format.ONNX: OnnxConfig(image_size=224),
    Format.COREML: CoreMLConfig(image_size=224),
}


def test_every_format_has_its_row() -> None:
    assert list(FORMATS) == list(Format) == list(CONFIGS)


@pytest.mark.parametrize("format_", Format)
def test_a_file_is_named_and_known_by_its_suffix(format_: Format, tmp_path: Path) -> None:
    path = tmp_path / file_name("net", CONFIGS[format_], 224)
    assert path.suffix == FORMATS[format_].SUFFIX
    if FORMATS[format_].IS_FOLDER:
        path.mkdir()
    assert format_of(path) is FORMATS[format_]


def test_what_has_no_suffix_of_ours_is_known_by_being_a_folder_or_not(tmp_path: Path) -> None:
    assert format_of(tmp_path) is FORMATS[Format.COREML]
    assert format_of(tmp_path / "gone") is FORMATS[Format.ONNX]
    folder = tmp_path / "x.onnx"
    folder.mkdir()
    assert format_of(folder) is FORMATS[Format.COREML]


def test_a_format_reads_what_a_file_takes_and_gives(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "x.onnx", operator="Relu", nodes=1)
    inputs, outputs = format_of(path).read_tensors(path)
    assert [len(tensors) for tensors in (inputs, outputs)] == [1, 1]
    assert inputs[0].shape == outputs[0].shape
