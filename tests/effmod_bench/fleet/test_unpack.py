import hashlib
import io
import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from effmod_bench.fleet.unpack import main, make_environment, prepare, remove, room, try_out


def environment(root: Path, **modules: str) -> Path:
    """A Python that has these modules, by their code."""
    for folder in ("ours", "packages"):
        (root / folder).mkdir()
    for name, code in modules.items():
        (root / "packages" / f"{name}.py").write_text(code)
    return make_environment(root, "environment", ["ours", "packages"])


def test_what_is_tried_out_is_compiled_and_nothing_is_later(tmp_path: Path) -> None:
    """On a disk that is full by then, half of it would be kept, and nobody could import it any more."""
    python = environment(tmp_path, one="", two="")
    assert try_out(python, "import one") is None
    subprocess.run([python, "-I", "-c", "import one, two"], check=True)
    assert [each.name.partition(".")[0] for each in tmp_path.rglob("packages/**/*.pyc")] == ["one"]


def test_what_was_compiled_and_is_not_whole_is_found(tmp_path: Path) -> None:
    spoil = "from pathlib import Path; Path(one.__cached__).write_bytes(Path(one.__cached__).read_bytes()[:20])"
    assert try_out(environment(tmp_path, one="x = 1"), f"import one; {spoil}") == "EOFError: marshal data too short"


def test_what_does_not_run_says_why(tmp_path: Path) -> None:
    python = environment(tmp_path, one="raise ImportError('libgomp.so.1 is missing')")
    assert try_out(python, "import one") == "ImportError: libgomp.so.1 is missing"


def test_what_is_free_is_told_of_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "MB are free there, and it takes about 170 MB" in room(tmp_path / "a" / "b", [{"takes_bytes": 170_000_000}])
    assert room(tmp_path, []).endswith("MB are free there")


def test_what_was_cut_short_before_it_was_tried_out_is_tried_by_the_next(tmp_path: Path) -> None:
    environment(tmp_path, one="")
    python, wrong = prepare(tmp_path, "environment", ["ours", "packages"], "import one")
    assert wrong is None
    assert list(tmp_path.rglob("packages/**/*.pyc"))
    assert prepare(tmp_path, "environment", ["ours", "packages"], "import nothing") == (python, None), "once is enough"


def test_what_does_not_run_takes_away_nothing_that_others_are_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    root = tmp_path / ".cache" / "effmod" / "board"
    (root / "packages").mkdir(parents=True)
    make_environment(root, "older", ["old", "packages"])
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("one.py", "raise ImportError('not enough memory')")
    ours = {
        "folder": "ours",
        "sha256": hashlib.sha256(content.getvalue()).hexdigest(),
        "size_bytes": len(content.getvalue()),
        "takes_bytes": 3_000_000,
    }
    packages = {"folder": "packages", "sha256": "", "size_bytes": 0, "takes_bytes": 170_000_000}
    asked = {"archives": [ours, packages], "environment": "environment", "try": "import one"}
    said = io.TextIOWrapper(io.BytesIO(json.dumps(asked).encode() + b"\n" + content.getvalue()))
    monkeypatch.setattr("sys.stdin", said)
    main()
    failed = json.loads(capfdbinary.readouterr().out.splitlines()[-1])["failed"]
    assert "ImportError: not enough memory" in failed
    assert "it takes about 3 MB" in failed
    assert sorted(each.name for each in root.iterdir()) == ["older", "packages"]
    remove(root, "older", ["old", "packages"])
    assert not list(root.iterdir())
