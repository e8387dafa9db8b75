"""The CPU of this machine. Imports nothing that takes long; asking takes about a second, once a process."""

import functools

# What the names of vector instructions begin with, on x86 ("pni" is SSE3) and Arm. Other flags come and go with the
# operating system.
_VECTOR_FLAGS = ("sse", "pni", "ssse", "avx", "fma", "f16c", "amx", "neon", "asimd", "sve", "bf16", "i8mm")


@functools.cache
def read_cpu() -> tuple[str | None, tuple[str, ...]]:
    """The CPU's name, and its vector instructions, sorted."""
    import cpuinfo

    found = cpuinfo.get_cpu_info()
    flags = (flag for flag in found.get("flags", ()) if flag.startswith(_VECTOR_FLAGS))
    return found.get("brand_raw"), tuple(sorted(flags))
