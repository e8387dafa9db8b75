"""Settings of runtimes: which of them knows each, and how it is written."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.instrument.sessions.registry import ONNXRUNTIMES, RUNTIMES
from results import Device, Runtime, RuntimeOptions


class _Setting(msgspec.Struct, frozen=True, kw_only=True):
    """A setting of runtimes, that is given where it is not as usual.

    Attributes:
        name: as it is written.
        field: of `RuntimeOptions`.
        device: the only one that has it; None for each.
        known_by: the runtimes that know it.
        owner: whose it is, in words.
    """

    name: str
    field: str
    device: Device | None = None
    known_by: tuple[Runtime, ...] = tuple(Runtime)
    owner: str = ""

    def is_given(self, options: RuntimeOptions) -> bool:
        return bool(getattr(options, self.field) != getattr(_USUAL, self.field))


_USUAL = RuntimeOptions()
_ORT: dict[str, Any] = {"known_by": ONNXRUNTIMES, "owner": "ONNX Runtime's"}
_CUDA_PROVIDER: dict[str, Any] = {"known_by": (Runtime.ONNXRUNTIME,), "owner": "of ONNX Runtime's CUDA provider"}
_DENORMAL_AS_ZERO = _Setting(name="--denormal-as-zero", field="denormal_as_zero", device=Device.CPU, **_ORT)
_SETTINGS = (
    _Setting(name="--graph-optimization", field="graph_optimization", **_ORT),
    _Setting(name="--no-spinning", field="allow_spinning", device=Device.CPU, **_ORT),
    _DENORMAL_AS_ZERO,
    _Setting(name="--include-transfers", field="include_transfers", device=Device.CUDA),
    _Setting(name="--cuda-graph", field="cuda_graph", device=Device.CUDA, **_ORT),
    _Setting(name="--tf32", field="use_tf32", device=Device.CUDA),
    _Setting(name="--prefer-nhwc", field="prefer_nhwc", device=Device.CUDA, **_CUDA_PROVIDER),
    _Setting(name="--allow-fallback", field="allow_fallback", device=Device.CUDA, **_ORT),
)


def own_settings(options: RuntimeOptions, runtime: Runtime) -> RuntimeOptions:
    """The same by one of several runtimes, without what this one does not know: it runs as it does by itself."""
    foreign = {each.field: getattr(_USUAL, each.field) for each in _SETTINGS if runtime not in each.known_by}
    return msgspec.structs.replace(options, runtime=runtime, **foreign)


def asked_for(every: Sequence[RuntimeOptions]) -> RuntimeOptions | None:
    """The settings of which each runtime was given those that it knows; None where there are none like that."""
    given = {
        each.field: getattr(options, each.field) for options in every for each in _SETTINGS if each.is_given(options)
    }
    asked = msgspec.structs.replace(every[0], **given)
    return asked if all(own_settings(asked, options.runtime) == options for options in every) else None


def shared_out(every: Sequence[RuntimeOptions]) -> Iterator[str]:
    """Which settings go to some of several runtimes alone, in words."""
    for setting in _SETTINGS:
        takes = [options.runtime for options in every if setting.is_given(options)]
        others = [options.runtime for options in every if not setting.is_given(options)]
        if takes and others:
            yield f"{setting.name} is for {' and '.join(takes)} alone; it is no setting of {' or '.join(others)}"


def check_owners(
    device: Device, options: RuntimeOptions, runtimes: Sequence[Runtime], *, share_process: bool = True
) -> None:
    """Refuse a setting of another device, or one that none of the runtimes knows.

    Args:
        share_process: several runtimes take turns in one process; else each has processes of its own.

    Raises:
        TargetError: it was given.
    """
    given = [each for each in _SETTINGS if each.is_given(options)]
    for setting in given:
        if setting.device not in (None, device):
            raise TargetError(f"{setting.name} goes with --device {setting.device}, not with --device {device}")
        others = " or ".join(runtime for runtime in runtimes if runtime not in setting.known_by)
        if not set(setting.known_by) & set(runtimes):
            raise TargetError(f"{setting.name} is {setting.owner}, and goes with no --runtime {others}")
        if others and share_process and setting is _DENORMAL_AS_ZERO:
            raise TargetError(
                f"{setting.name} is {setting.owner}, and decides for a whole process, in which runtimes take turns: "
                f"leave {others} out"
            )
    if options.cuda_graph and options.include_transfers:
        raise TargetError("a CUDA graph replays no copies from and to the host; leave --include-transfers out")


def arguments(device: Device, options: RuntimeOptions) -> list[str]:
    """What the settings that `effmod tune` tries are on the command line of `effmod bench` and `compare`."""
    found = [] if device is Device.CPU else ["--device", f"{device}:{options.device_index}"]
    if options.runtime is not RUNTIMES[device][0]:
        found += ["--runtime", options.runtime]
    for setting in _SETTINGS:
        if setting.is_given(options):
            value = getattr(options, setting.field)
            found += [setting.name] if isinstance(value, bool) else [setting.name, value]
    return found
