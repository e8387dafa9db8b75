"""On which runtimes `effmod tune` tries a target."""

import msgspec

from effmod_bench.errors import DeviceUnavailableError, TargetError
from effmod_bench.instrument.available import check_installed
from effmod_bench.instrument.sessions.registry import NETWORK_RUNTIMES
from effmod_bench.options.runtime import check_on_device
from effmod_bench.options.settings import check_owners
from effmod_bench.targets.target import FileTarget, NetworkTarget
from results import ComparisonPlan, Device, Runtime, RuntimeOptions

# Tried where nobody says: eager PyTorch is never the fastest, and on a GPU the others have not been tried yet.
_USUAL = {
    Device.CPU: (Runtime.ONNXRUNTIME, Runtime.OPENVINO, Runtime.TORCH_COMPILE),
    Device.CUDA: (Runtime.ONNXRUNTIME,),
}


def options_by(options: RuntimeOptions, runtime: Runtime) -> RuntimeOptions:
    """The same on another runtime."""
    return msgspec.structs.replace(options, runtime=runtime)


def choose_runtimes(
    asked: tuple[Runtime, ...] | None, plan: ComparisonPlan, target: NetworkTarget | FileTarget
) -> tuple[Runtime, ...]:
    """Those that a target is tried on, of which the first runs a file: what the others are compared with.

    Args:
        asked: None for those that are installed and can run it.

    Raises:
        DeviceUnavailableError: one that was asked for is not installed, or cannot be used on the device.
        TargetError: it does not run the target, or a setting is of another one.
    """
    if asked is None:
        return tuple(runtime for runtime in _usual(plan, target) if _is_there(plan, runtime))
    for runtime in asked:
        check_on_device(runtime, plan.device)
        if runtime in NETWORK_RUNTIMES and isinstance(target, FileTarget):
            raise TargetError(f"{runtime} runs networks, not {target.path}; leave it out")
    check_owners(plan.device, plan.options, asked)
    files = tuple(runtime for runtime in asked if runtime not in NETWORK_RUNTIMES)
    if not files:
        raise TargetError(f"{asked[0]} is compared with a file's runtime: give --runtime onnxruntime,{asked[0]}")
    for runtime in asked:
        check_installed(plan.device, options_by(plan.options, runtime))
    return (*files, *(runtime for runtime in asked if runtime not in files))


def _usual(plan: ComparisonPlan, target: NetworkTarget | FileTarget) -> tuple[Runtime, ...]:
    usual = _USUAL[plan.device]
    if plan.options.denormal_as_zero:
        return usual[:1]
    return tuple(each for each in usual if each not in NETWORK_RUNTIMES or isinstance(target, NetworkTarget))


def _is_there(plan: ComparisonPlan, runtime: Runtime) -> bool:
    """Whether it is installed; the first of a device's must be.

    Raises:
        DeviceUnavailableError: it is not.
    """
    try:
        check_installed(plan.device, options_by(plan.options, runtime))
    except DeviceUnavailableError:
        if runtime is _USUAL[plan.device][0]:
            raise
        return False
    return True
