"""The CPU of this machine. Imports nothing that takes long."""

import functools
from pathlib import Path

# What the names of vector instructions begin with, on x86 ("pni" is SSE3) and Arm. Other flags come and go with the
# operating system.
_VECTOR_FLAGS = ("sse", "pni", "ssse", "avx", "fma", "f16c", "amx", "neon", "asimd", "sve", "bf16", "i8mm")
_LINUX_SAYS = Path("/proc/cpuinfo")


@functools.cache
def read_cpu() -> tuple[str | None, tuple[str, ...]]:
    """The CPU's name, and its vector instructions, sorted. Asking takes about a second, once a process."""
    import cpuinfo

    found = cpuinfo.get_cpu_info()
    flags = (flag for flag in found.get("flags", ()) if flag.startswith(_VECTOR_FLAGS))
    return found.get("brand_raw"), tuple(sorted(flags))


@functools.cache
def read_cpu_name() -> str | None:
    """The name that `read_cpu` gives. Linux mostly says it in a file, and then nothing else is asked."""
    try:
        said = _LINUX_SAYS.read_text(errors="replace")
    except OSError:  # another system
        said = ""
    fields = (line.partition(":") for line in said.splitlines())
    names = (value.strip() for key, _, value in fields if key.strip().lower() == "model name")
    return next(filter(None, names), None) or read_cpu()[0]
