"""Which Python a board has."""

import msgspec

from effmod_bench.fleet.errors import BoardError
from effmod_bench.fleet.messages import unpack_as

OLDEST = (3, 11)
MARK = "--effmod--"
# Newest first after what is called python3: a board may have a newer one beside it.
_NAMES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11")
_FACTS = (
    "import json,platform,sys;"
    "print(json.dumps(dict(version=list(sys.version_info[:3]),implementation=sys.implementation.name,"
    "system=platform.system(),machine=platform.machine(),libc=platform.libc_ver()[1],bits=sys.maxsize.bit_length()+1,"
    "executable=sys.executable)))"
)
# A user's own shell may be any: this is for sh, which each system has.
LOOK = (
    "exec sh -c 'echo " + MARK + "; for p in " + " ".join(_NAMES) + "; do "
    'command -v $p >/dev/null 2>&1 && $p -I -c "' + _FACTS + "\"; done; true'"
)


class PythonThere(msgspec.Struct, frozen=True, kw_only=True):
    """A board's Python.

    Attributes:
        version: such as (3, 11, 2).
        libc: the version of glibc; empty where it is another library.
        bits: of a pointer: the system of a 64-bit processor may have 32.
    """

    version: tuple[int, int, int]
    implementation: str
    system: str
    machine: str
    libc: str
    bits: int
    executable: str

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.version))} on {self.system}, {self.machine}"


def choose(said: str) -> PythonThere:
    """The first that will do, of what a board said to `LOOK`.

    Raises:
        BoardError: there is none, or what it said is something else, or it runs no commands.
    """
    before, mark, after = said.rpartition(f"{MARK}\n")
    if not mark:  # such as the shell nologin, or a command that authorized_keys forces
        answer = (before or after).strip()[:80]
        raise BoardError("its user may run no commands there", f"it said {answer!r}" if answer else "")
    lines = after.splitlines()
    found = [unpack_as(line.encode(), PythonThere) for line in lines if line.startswith("{")]
    if not found:
        raise BoardError("it has no python3; install Python 3.11 or newer there (apt install python3)")
    if found[0].system != "Linux":
        raise BoardError(f"it runs {found[0].system}, and a board is to run Linux")
    for python in found:
        if python.version >= OLDEST and python.implementation == "cpython":
            if python.bits != 64:
                raise BoardError(
                    f"its system is a 32-bit one ({python}), for which there is no ONNX Runtime",
                    "install a 64-bit one",
                )
            return python
    version = ".".join(map(str, found[0].version))
    raise BoardError(
        f"its python3 is {version}, and numpy and onnxruntime need 3.11 or newer; install one beside it, as python3.11"
    )
