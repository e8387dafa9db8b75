"""What machine this is. A value or None, never a guess."""

import os
import platform
import subprocess
from pathlib import Path

import psutil

from effmod_bench.instrument.machine.memory import memory_limit, swap_bytes
from effmod_bench.instrument.machine.system import CPUS, available_cores, cpu_quota, read_governor, read_text
from results import Machine

_VERSIONS = (
    "effmod-bench",
    "onnxruntime-gpu",
    "onnxruntime",
    "coremltools",
    "openvino",
    "torch",
    "torchvision",
    "timm",
    "numpy",
)
_MAKERS = ("onnx", "onnxscript", "onnx-ir", "onnxsim")
_GPU_LIBRARIES = ("cuda-runtime", "cuda-nvrtc", "cudnn", "cublas", "cufft")
# From CUDA 13 on most packages leave its number out of their names.
_GPU_VERSIONS = tuple(
    f"{library}{cuda}"
    for library in (*(f"nvidia-{name}" for name in _GPU_LIBRARIES), "tensorrt")
    for cuda in ("", "-cu12", "-cu13")
)


def read_machine() -> Machine:
    """Everything about the machine that does not change during a run."""
    from exporters import installed_versions  # of no use to a worker, which starts sooner without
    from exporters.derived.cpu import read_cpu_name

    return Machine(
        os=f"{platform.system()} {platform.release()}",
        architecture=platform.machine(),
        cpu_model=read_cpu_name(),
        physical_cores=psutil.cpu_count(logical=False),
        logical_cores=psutil.cpu_count(),
        available_cores=available_cores(),
        cpu_quota=cpu_quota(),
        memory_bytes=psutil.virtual_memory().total,
        governor=read_governor(),
        versions={"python": platform.python_version()} | installed_versions(_VERSIONS),
        effmod_commit=_commit(),
        affinity=tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else None,
        smt={"0": False, "1": True}.get(read_text(CPUS / "smt/active") or ""),
        memory_limit_bytes=memory_limit(),
        swap_bytes=swap_bytes(),
        gpu_versions=installed_versions(_GPU_VERSIONS),
        maker_versions=installed_versions(_MAKERS),
    )


def _commit() -> str | None:
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
