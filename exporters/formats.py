"""The formats there are, each the `format` module of its folder, and what depends on the format of a file.

Importing this imports neither torch nor onnx nor coremltools: a format imports its library when it is used.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from exporters.artifact.exported import Exported, ExportJob, MeasureParity
from exporters.artifact.names import name_parts
from exporters.artifact.sidecar import TensorSpec
from exporters.config import ExportConfig, Format
from exporters.coreml import format as coreml
from exporters.onnx import format as onnx
from models import Preprocessing

if TYPE_CHECKING:
    from torch import nn

    from exporters.artifact.evaluator import Evaluator, Origin

Config = TypeVar("Config", bound=ExportConfig)


class FileFormat(Protocol[Config]):
    """What a format says of itself, in the module `format.py` of its folder.

    Attributes:
        SUFFIX: of its files, with the dot.
        IS_FOLDER: whether such a "file" is a folder, a package.
        MAKERS: the distributions whose version can change the bytes of a file.
    """

    SUFFIX: str
    IS_FOLDER: bool
    MAKERS: tuple[str, ...]

    def check_available(self, config: Config) -> None:
        """Find out before a network is built whether it can be exported here; raises `FormatUnavailableError`."""
        ...

    def file_name(self, parts: Sequence[str], config: Config) -> str:
        """A name that begins with these parts, and tells what is not the default."""
        ...

    def export(self, job: ExportJob[Config], path: Path, measure_parity: MeasureParity[Config]) -> Exported:
        """Write the file, and prove it; raises `ExportError` or `ParityError`."""
        ...

    def origin(
        self,
        network: "nn.Module",
        config: Config,
        preprocessing: Preprocessing,
        outputs: tuple[str, ...],
        *,
        with_program: bool,
    ) -> "Origin":
        """What a file with these options is made of; raises `ExportError`.

        Args:
            network: as it is exported, in eval mode.
            outputs: the names of what it gives.
            with_program: make the float32 program as well, that a float16 file is a rounding of. Takes seconds.
        """
        ...

    def read_tensors(self, path: Path) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """The inputs and the outputs of a file; raises `ArtifactError`."""
        ...

    def sha256(self, path: Path) -> str:
        """The hash of what matters in a file."""
        ...

    def open_evaluator(self, path: Path) -> "Evaluator":
        """The file as a function; raises `ArtifactError`."""
        ...

    def count_operators(self, path: Path) -> Counter[str]:
        """How many operators of each kind the file has, constants not counted; raises `ArtifactError`."""
        ...


FORMATS: dict[Format, FileFormat[Any]] = {
    Format.ONNX: onnx,
    Format.COREML: coreml,
}


def format_of(path: Path) -> FileFormat[Any]:
    """The format of a file or package: among those that are files, or those that are folders, by its suffix.

    A suffix that no format has leaves the first of them, which says what is wrong with the file.
    """
    alike = [format_ for format_ in FORMATS.values() if path.is_dir() == format_.IS_FOLDER]
    return next((format_ for format_ in alike if path.suffix == format_.SUFFIX), alike[0])


def artifact_sha256(path: Path) -> str:
    """The hash that the sidecar of a file or a package holds."""
    return format_of(path).sha256(path)


def file_name(model: str, config: ExportConfig, default_image_size: int) -> str:
    """A name that tells artifacts of one network apart: what is not the default is in it."""
    return FORMATS[config.format].file_name(name_parts(model, config.image_size, default_image_size), config)
