"""Runs on a board, sent as it is, before anything of ours is there: needs Python and nothing else.

It takes archives from standard input, looks at their hashes, unpacks each once, and makes an environment of them: a
folder that Python takes for a virtual one, so that neither venv nor pip is needed. The first line that it reads says
what there is to be; it answers which archives are lacking, takes their bytes, and says which Python to start.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

MARK = b"--effmod--\n"


def say(**message: Any) -> None:
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    sys.stdout.buffer.flush()


def unpack(root: Path, archive: dict[str, Any]) -> None:
    """One archive, whole or not at all."""
    folder = root / archive["folder"]
    partial = root / f".partial-{os.getpid()}-{archive['folder']}"
    zipped = root / f"{partial.name}.zip"
    digest = hashlib.sha256()
    left = archive["size_bytes"]
    try:
        with zipped.open("wb") as out:
            while left:
                block = sys.stdin.buffer.read(min(left, 1 << 20))
                if not block:
                    raise SystemExit("the line was cut")
                out.write(block)
                digest.update(block)
                left -= len(block)
        if digest.hexdigest() != archive["sha256"]:
            raise ValueError(f"{archive['folder']} arrived as another file")
        with zipfile.ZipFile(zipped) as content:
            content.extractall(partial)
        zipped.unlink()
        try:
            partial.rename(folder)
        except OSError:
            if not folder.is_dir():  # or another command was quicker
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if zipped.exists():
            zipped.unlink()


def make_environment(root: Path, name: str, folders: list[str]) -> Path:
    """The Python to start: this one, with these folders to import from, and nothing else that is installed here."""
    folder = root / name
    python = folder / "bin" / "python"
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    packages = folder / "lib" / version / "site-packages"
    if python.exists() and (packages / "effmod.pth").exists():
        return python
    packages.mkdir(parents=True, exist_ok=True)
    python.parent.mkdir(exist_ok=True)
    real = Path(os.path.realpath(sys.executable))
    if python.is_symlink() or python.exists():
        python.unlink()
    python.symlink_to(real)
    (folder / "pyvenv.cfg").write_text(f"home = {real.parent}\ninclude-system-site-packages = false\n")
    # The first is ours. What is in the second may have such a file of its own. Nothing is compiled and kept later: on a
    # disk that is full Python keeps half of it, which nobody could import any more.
    first, second = (str(root / each) for each in folders)
    once = "import site, sys; sys.dont_write_bytecode = True"
    (packages / "effmod.pth").write_text(f"{first}\n{once}; site.addsitedir({second!r})\n")
    return python


def prepare(root: Path, name: str, folders: list[str], imports: str) -> tuple[Path, str | None]:
    """As `make_environment`, and what is wrong with it, which is tried until it was right once."""
    python, tried = make_environment(root, name, folders), root / name / "tried"
    wrong = None if tried.exists() else try_out(python, imports)
    if wrong is None:
        tried.touch()
    return python, wrong


def try_out(python: Path, imports: str) -> str | None:
    """Compile what is imported, and import it once more as it is kept: what went wrong, in words."""
    for is_kept in (True, False):
        code = f"import sys; sys.dont_write_bytecode = {not is_kept}; {imports}"
        tried = subprocess.run([python, "-I", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if tried.returncode:
            return (tried.stdout.decode(errors="replace").strip().splitlines() or ["it says nothing"])[-1]
    return None


def remove(root: Path, name: str, folders: list[str]) -> None:
    """An environment that does not run, so that the next command brings it again; but nothing that others are made of.

    Those of another version of effmod may time at this moment.
    """
    shutil.rmtree(root / name, ignore_errors=True)
    others = [each.read_text() for each in root.glob("*/lib/*/site-packages/effmod.pth")]
    for folder in folders:
        if not any(str(root / folder) in other for other in others):
            shutil.rmtree(root / folder, ignore_errors=True)


def room(folder: Path, lacking: list[dict[str, Any]]) -> str:
    """What is free on the disk of a folder that may not be there, and what archives take there, in words."""
    free = shutil.disk_usage(next(each for each in (folder, *folder.parents) if os.access(each, os.F_OK))).free
    takes = sum(each["takes_bytes"] for each in lacking)
    return f"{free / 1e6:.1f} MB are free there" + (f", and it takes about {takes / 1e6:.0f} MB" if takes else "")


def main() -> None:
    sys.stdout.buffer.write(MARK)
    sys.stdout.buffer.flush()
    asked = json.loads(sys.stdin.buffer.readline())
    root = Path.home() / ".cache" / "effmod" / "board"
    lacking = asked["archives"]
    try:
        root.mkdir(parents=True, exist_ok=True)
        lacking = [each for each in asked["archives"] if not (root / each["folder"]).is_dir()]
        say(lacking=[each["folder"] for each in lacking])
        for archive in lacking:
            unpack(root, archive)
        folders = [each["folder"] for each in asked["archives"]]
        python, wrong = prepare(root, asked["environment"], folders, asked["try"])
        if wrong is not None:
            remove(root, asked["environment"], folders)
            say(failed=f"what was brought does not run there: {wrong} ({room(root, lacking)})")
            return
        say(python=str(python))
    except OSError as error:
        why = error.strerror or error
        say(failed=f"what effmod needs cannot be kept there, in ~/.cache/effmod: {why} ({room(root, lacking)})")
    except (ValueError, zipfile.BadZipFile) as error:
        say(failed=str(error))


if __name__ == "__main__":
    main()
