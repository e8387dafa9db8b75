"""An artifact: an exported file or package, and the sidecar JSON that says what it is and what was proved of it."""

from pathlib import Path
from typing import TypeVar

import msgspec

from exporters.artifact.accuracy import Accuracy
from exporters.artifact.names import form_of
from exporters.config import ExportConfig, FastOn, Format
from exporters.errors import ArtifactError
from exporters.rewrites import RewriteReport
from models import Preprocessing, Weights

SIDECAR_VERSION = 3  # 1 had neither the format within `config`, nor `specification_version`; 2 had no cosine
_SIDECAR_BYTES = 1 << 26  # and no more is read: none of ours is so large
FLOAT16_MAX = 65504.0
QUIET = 5e-5
"""Noise, relative to the largest output, that changes nothing, since 1e-4 is allowed anyway: mobilenetv2_100 has 2e-5,
efficientmod_xxs 2e-6."""
UNSTEADY = 1e-2
"""Noise of a number, relative to the largest output, beyond which nothing can be proved; and the most that any number
may be off by, whatever its noise. The detector of PP-OCRv4, whose largest output is 4e-5 at 320 pixels, departs from
itself by 4.4e-3 there, and by as much where it was simplified."""
_WIDENED = frozenset(("float16",))  # to float32 before it is computed with; none of them is subnormal there
Sidecar = TypeVar("Sidecar", bound=msgspec.Struct)


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A named input or output. An open dimension is the string that names it ("?" where nobody named it).

    Its shape is None where the file does not even say how many dimensions there are.
    """

    name: str
    shape: tuple[int | str, ...] | None
    dtype: str


class ActivationRange(msgspec.Struct, frozen=True, kw_only=True):
    """The largest activation of an artifact in float32, against what float16 can hold (65504).

    Attributes:
        operator: name of the operator that gives the largest magnitude.
        kind: of that operator.
        largest: that magnitude; infinite or NaN where float32 itself did not suffice.
        overflow: name of the first operator whose result float16 cannot hold, None where there is none. What an
            operator sums up inside is not seen: a LayerNorm squares its input.
        overflow_kind: of that operator.
    """

    operator: str
    kind: str
    largest: float
    overflow: str | None = None
    overflow_kind: str | None = None


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """The first operator, in the order of computation, whose result is not what it should be.

    Attributes:
        kind, name: of the operator; or a layer of the network, where that itself is at fault.
        relative_error: of its result, over the largest value that it should have; None where it gives NaN or infinity.
        unmatched: the operators right before it, in words, of which nothing is known: one of them may be at fault.
    """

    kind: str
    name: str
    relative_error: float | None
    unmatched: tuple[str, ...] = ()


class Rounding(msgspec.Struct, frozen=True, kw_only=True):
    """The error of a float16 artifact, taken apart; each error relative to the largest output.

    Rounded weights and float16 arithmetic hide a wrong program: theirs is a hundred times what a right one has.
    So the program is proved before it is rounded, and the artifact as the rounding of that program.

    Attributes:
        program_relative_error: of the float32 program that it was made of, against the network.
        rounded_relative_error: evaluated in float32, against that program with its constants rounded to float16.
            Where its weights were compressed afterwards: before that. Both are None where the program is not known.
        arithmetic_relative_error: evaluated in float16, against itself in float32: what float16's arithmetic adds.
        tolerance: of the first two.
        rounded_tolerance: of the second, where it is another one, since the network is unsteady; else None.
    """

    program_relative_error: float | None
    rounded_relative_error: float | None
    arithmetic_relative_error: float
    tolerance: float
    rounded_tolerance: float | None = None

    @property
    def judged(self) -> tuple[tuple[float | None, float], ...]:
        """The first two errors, each with its tolerance."""
        second = self.tolerance if self.rounded_tolerance is None else self.rounded_tolerance
        return (self.program_relative_error, self.tolerance), (self.rounded_relative_error, second)

    @property
    def is_right(self) -> bool:
        """Whether the program is the network, and the artifact is that program, as far as both are known."""
        return all(error is None or error <= tolerance for error, tolerance in self.judged)


class Subnormals(msgspec.Struct, frozen=True, kw_only=True):
    """How many numbers of an artifact are subnormal: no zero, but smaller than its type holds to all its digits.

    Most CPUs take several times as long for a product of one.

    Attributes:
        weights: of all constants, by the type of the elements in the format's words; types without any are left out.
            What computes in float32 has those of float16 as numbers like others.
        activations: of the results of operators in float32, over all that was compared; None where they were not seen.
        operator: name of the first operator that gives any, in the order of computation; None where none does.
        kind: of that operator.
    """

    weights: dict[str, int]
    activations: int | None = None
    operator: str | None = None
    kind: str | None = None

    @property
    def slow_weights(self) -> int:
        """Those that a CPU computes with as they are."""
        return sum(number for name, number in self.weights.items() if name not in _WIDENED)


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """How closely an artifact's outputs are the network's, over `inputs` different images.

    The network computes in float32, and in float64 where its noise was asked; the artifact stores its values in its own
    precision.

    Attributes:
        max_abs_error: largest difference of any output value.
        relative_error: that difference over the largest output of the network.
        cosine: of the angle between the two outputs for an image, for the image where it is smallest.
        top1_agreement: share of the images for which both name the same class.
        output_change: largest difference between the network's outputs for two of the images, relative
            to its largest output. Near 0 the comparison would prove nothing.
        still_outputs: of several outputs those, by name, that hardly move with the input, so that their own equality
            says little; empty in sidecars from before they were noted.
        tolerance: the relative error up to which the artifact passes; None where it is not meant to be equal.
        noise: how far what it is compared with is from itself where nothing that matters differs, relative to the
            largest output; None where that was not asked, since the error is far within the tolerance without.
        unsteady_inputs: how many more images there were that prove nothing, since the network's noise on them is beyond
            what any number may be off by; they count nowhere else here, unless `inputs` is 0.
        float32_relative_error: evaluated in float32: what is left of the error where only the weights are rounded.
            None for ONNX in float32.
        activation_range: over the same images; None for ONNX in float32.
        subnormals: of the artifact; None in sidecars from before they were counted.
        rounding: None in float32, and in sidecars from before it was measured.
        first_departure: None where nothing falls short, and where it cannot be told.
    """

    inputs: int
    max_abs_error: float
    relative_error: float
    cosine: float
    top1_agreement: float
    output_change: float
    still_outputs: tuple[str, ...] = ()
    tolerance: float | None
    noise: float | None = None
    unsteady_inputs: int = 0
    float32_relative_error: float | None = None
    activation_range: ActivationRange | None = None
    subnormals: Subnormals | None = None
    rounding: Rounding | None = None
    first_departure: Departure | None = None

    @property
    def is_undecided(self) -> bool:
        """Whether too few images prove something: the network is unsteady on half of them or more."""
        return 0 < self.unsteady_inputs >= self.inputs


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """The sidecar of an exported file or package.

    Attributes:
        form: which form of the network it holds; "plain" is the network as its authors wrote it (`form_of`). It may be
            that although `config` has rewrites: they are what was asked.
        fast_on: the runtimes that this form is for (`names.fast_on`); empty where that is not known, and in sidecars
            from before it was noted.
        rewrites: what was changed on the way, and what was not; the branches that the zoo has merged included.
        simplified: whether the file is onnxsim's; None where that was not asked, and for Core ML.
        macs: multiply-adds of one image at `config.image_size`.
        opset: of the file itself; None for Core ML.
        specification_version: of the package itself; None for ONNX.
        unaligned_channels: of an ONNX file's convolutions (`exporters.onnx.channels`).
        modules: of the network, each with the operators and values of the file that it gives, by name; empty where that
            is not known, and in sidecars from before it was noted.
        versions: of everything that had a hand in making it.
        size_bytes: of all its files.
        sha256: of the file, or of what matters in a package (`package_sha256`).
        accuracy: as it was last measured, its own precision last; empty where it was not.
    """

    sidecar_version: int = SIDECAR_VERSION
    model: str
    format: Format
    form: str
    config: ExportConfig
    weights: Weights
    rewrites: tuple[RewriteReport, ...]
    simplified: bool | None
    params: int
    macs: int
    preprocessing: Preprocessing
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int | None = None
    specification_version: int | None = None
    unaligned_channels: tuple[int, ...] = ()
    parity: Parity
    modules: dict[str, tuple[str, ...]] = {}
    fast_on: tuple[FastOn, ...] = ()
    versions: dict[str, str]
    size_bytes: int
    sha256: str
    accuracy: tuple[Accuracy, ...] = ()

    @property
    def module_by_name(self) -> dict[str, str]:
        """The module of each operator and value that one is known of."""
        return {name: module for module, names in self.modules.items() for name in names}

    @property
    def is_plain(self) -> bool:
        """Whether it holds the network as its authors wrote it, whatever was asked."""
        return self.form == form_of(self.config, rewritten=False)


def sidecar_path(path: Path) -> Path:
    """Where the sidecar of an artifact lies: beside it, `NAME.onnx.json`."""
    return path.with_name(path.name + ".json")


def read_sidecar(path: Path) -> Artifact | None:
    """The sidecar beside an artifact; None where there is none, or a JSON of somebody else's.

    Raises:
        ArtifactError: there is one that cannot be read.
    """
    return read_sidecar_as(path, Artifact)


def read_sidecar_as(path: Path, kind: type[Sidecar]) -> Sidecar | None:
    """The sidecar beside a file, where it is one of this kind; else None.

    Args:
        kind: begins with its version, whose name tells it from the others, and whose default is the latest.

    Raises:
        ArtifactError: there is one that cannot be read, or of a version that is none yet.
    """
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        return None
    version = msgspec.structs.fields(kind)[0]
    try:
        with sidecar.open("rb") as file:
            content = file.read(_SIDECAR_BYTES)
        if f'"{version.name}"'.encode() not in content:
            return None
        facts = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        found = msgspec.json.decode(facts.get(version.name, b"1"), type=int)
        if 1 <= found <= version.default:
            return msgspec.json.decode(content, type=kind)
    except Exception as error:  # fed a stranger's bytes, a parser may raise anything
        raise ArtifactError(f"cannot read {sidecar}: {error}; export {path.name} again") from error
    raise ArtifactError(
        f"cannot read {sidecar}: its {version.name} is {found}, and this effmod reads versions 1 to {version.default}; "
        f"use the effmod that wrote it, or export {path.name} again"
    )


class _Proved(msgspec.Struct):
    """What the sidecars of all files say that were proved, however they were made."""

    sha256: str
    parity: Parity
    accuracy: tuple[Accuracy, ...] = ()


def read_subnormals(path: Path, sha256: str) -> Subnormals | None:
    """What the sidecar beside a file says of its subnormal numbers; None where it does not, or is of another file."""
    found = _read_proved(path, sha256)
    return found.parity.subnormals if found else None


def read_accuracy(path: Path, sha256: str) -> tuple[Accuracy, ...]:
    """What the sidecar beside a file says of its accuracy; empty where it does not, or is of another file."""
    found = _read_proved(path, sha256)
    return found.accuracy if found else ()


def describes(path: Path, sha256: str) -> bool:
    """Whether there is a sidecar beside a file, and it is of this one."""
    return _read_proved(path, sha256) is not None


def _read_proved(path: Path, sha256: str) -> _Proved | None:
    """What the sidecar beside a file says; None where there is none, or it is of another file."""
    try:
        with sidecar_path(path).open("rb") as file:
            found = msgspec.json.decode(file.read(_SIDECAR_BYTES), type=_Proved)
    except Exception:  # there is none, or it is a stranger's: whoever needs it says what is wrong with it
        return None
    return found if found.sha256 == sha256 else None


def write_sidecar(path: Path, sidecar: msgspec.Struct) -> None:
    """Write what is known of a file or package beside it, for people to read as well."""
    sidecar_path(path).write_bytes(msgspec.json.format(msgspec.json.encode(sidecar), indent=2))
