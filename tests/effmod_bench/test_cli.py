"""What holds for the command line as a whole: wrong input, exit codes, and what goes to which stream."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from effmod_bench import __version__
from effmod_bench.cli import app
from models.privacy import SILENCED
from tests.effmod_bench.support import Run, store_with
from tests.fakes import make_comparison_process, make_round, write_onnx

# Arguments, the exit code, and what is said.
WRONG_INPUT = [
    (["bench", "\udcff.onnx"], 2, r"\udcff.onnx is no text in UTF-8; rename the file"),
    (["--a\x1b[31m"], 2, r"No such option: --a\x1b[31m"),
    (["bench", "--a\x1b[31m"], 2, r"No such option: --a\x1b[31m"),
    (["ben\x1bch"], 2, r"No such command 'ben\x1bch'"),
    (["bench", "efficientmod_xx"], 2, "no network 'efficientmod_xx'; did you mean 'efficientmod_xxs'"),
    (["bench", "no_such"], 2, "Networks of timm are named as in timm:resnet50, your own path/to/file.py:function"),
    (["list", "timm:resnet1*"], 2, "patterns are for the zoo: name networks of timm one by one, as in timm:"),
    (["list", "--family", "mobileon"], 2, "error: no network in family 'mobileon'; families:"),
    (["bench", "net.py"], 2, "net.py: name the function of it that builds the network, as in net.py:FUNCTION"),
    (["tune", "net.py"], 2, "net.py: name the function of it that builds the network, as in net.py:FUNCTION"),
    (["bench", "odd.pth"], 2, "Name the network, and give the file with --checkpoint odd.pth"),
    (["export", "odd.pth"], 2, "Name the network, and give the file with --checkpoint odd.pth"),
    (["compare", "good.onnx", "odd.pth"], 2, "Name the network, and give the file with --checkpoint odd.pth"),
    (["export", "efficientmod_xxs", "--output", "my.onnx"], 2, "my.onnx is to be a folder"),
    (["plot", "-o", "my.onnx"], 2, "choose .png"),
    (["export", "nope*"], 2, "no network matches 'nope*'"),
    (["bench", "--runs", "0"], 2, "--runs"),
    (["bench", "--threads", "-1"], 2, "--threads"),
    (["bench", "--device", "abacus"], 2, "no device 'abacus'; there are cpu, cuda, coreml"),
    (["bench", "--device", "mps"], 2, "no device 'mps'; there are cpu, cuda, coreml"),
    (["bench", "--tf32"], 2, "--tf32 goes with --device cuda, not with --device cpu"),
    (["bench", "--runtime", "tensorrt"], 2, "tensorrt does not run on cpu"),
    (["bench", "good.onnx", "--runtime", "pytorch"], 2, "pytorch runs networks, not good.onnx; name a network"),
    (["bench", "efficientmod_xxs", "--runtime", "pytorch", "--opset", "18"], 2, "--opset is for exported files"),
    (["bench", "missing.onnx"], 2, "cannot read missing.onnx: No such file"),
    (["bench", "text.onnx"], 2, "text.onnx is not an ONNX file"),
    (["bench", "open.onnx"], 2, "dimensions h, w are open"),
    (["bench", "good.onnx", "--input-shape", "y:1"], 2, "has no input 'y'"),
    (["bench", "good.onnx", "--store", "text.onnx/store"], 5, "cannot write to the store"),
    (["bench", "efficientmod_xxs", "efficientmod_xs", "--checkpoint", "text.onnx"], 2, "one network's weights"),
    (["export", "efficientmod_xxs", "--checkpoint", "text.onnx"], 2, "text.onnx is not a PyTorch checkpoint"),
    (["export", "efficientmod_xxs", "--checkpoint", "none.pth"], 2, "cannot read checkpoint none.pth"),
    (["export", "efficientmod_xxs", "--image-size", "1"], 2, "efficientmod_xxs takes square images"),
    (["export", "efficientmod_xxs", "--opset", "12"], 2, "--opset"),
    (["bench", "good.onnx", "--image-size", "64"], 2, "--image-size is for networks that effmod exports"),
    (["bench", "good.onnx", "--batch-size", "4"], 2, "a fixed batch, and --batch-size gives 4"),
    (["bench", "efficientmod_xxs", "--input-shape", "1,3,8,8"], 2, "--input-shape is for .onnx files"),
    (["bench", "efficientmod_xxs", "deit_tiny", "--image-size", "100"], 2, "deit_tiny takes square images"),
    (["export", "efficientmod_xxs", "--checkpoint", "odd.pth"], 2, "holds no state_dict"),
    (["export", "efficientmod_xxs", "--opset", "99"], 2, "knows opsets up to"),
    (["export", "efficientmod_xxs", "--format", "tflite"], 2, "Invalid value for '--format': 'tflite' is not one of"),
    (["bench", "efficientmod_xxs", "--device", "gpu"], 2, "there are cpu, cuda, coreml; an NVIDIA GPU is cuda"),
    (["verify", "efficientmod_xxs"], 2, "is a network, and a file of it is verified: 'effmod export efficientmod_xxs'"),
    (["show", "text.onnx"], 5, "text.onnx is a file, and a store is a folder of records"),
    (["visualize", "none.png"], 2, "none.png: cannot read this image: it is not there"),
    (["plot", "nowhere"], 5, "error: there is no store at nowhere"),
    (["plot"], 5, "error: there is no store at effmod-results; 'effmod bench --store effmod-results' would make"),
    (["plot", "compared", "--kind", "tradeoff"], 2, "no measurement has both a latency and an accuracy"),
    (["export"], 2, "say what to export"),
    (["export", "--table", "99"], 2, "the paper has no table '99' of networks; there are 1, 2, 3"),
    (["list", "--table", "13"], 2, "the paper has no table '13' of networks; there are 1, 2, 3"),
    (["export", "efficientmod_xxs", "--softmax"], 2, "--softmax goes with --format coreml"),
    (["export", "efficientmod_xxs", "--format", "coreml", "--labels", "none.txt"], 2, "cannot read none.txt"),
    (["export", "efficientmod_xxs", "--format", "coreml", "--target", "iOS14"], 2, "--target"),
    (["export", "efficientmod_xxs", "--format", "coreml", "--image-size", "1"], 2, "takes square images"),
    (["export", "efficientmod_xxs", "--format", "coreml", "--checkpoint", "text.onnx"], 2, "not a PyTorch"),
    (["show", "nowhere"], 5, "there is no store at nowhere"),
    (["plot", "store", "--output", "x.xyz"], 2, "cannot draw a .xyz"),
    (["plot", "store", "--output", "text.onnx/x.png"], 5, "cannot write text.onnx/x.png"),
    (["info", "efficientmod_x"], 2, "no network 'efficientmod_x'"),
]


@pytest.mark.parametrize(("arguments", "code", "said"), WRONG_INPUT)
def test_wrong_input_names_the_thing_and_ends_with_its_code(
    arguments: list[str], code: int, said: str, quickly: Run, tmp_path: Path
) -> None:
    assert_refused(quickly, arguments, code, said, tmp_path)


@pytest.mark.parametrize(("arguments", "code", "said"), WRONG_INPUT[::10])
def test_a_process_refuses_it_alike(
    arguments: list[str], code: int, said: str, effmod_process: Run, tmp_path: Path
) -> None:
    assert_refused(effmod_process, arguments, code, said, tmp_path)


def assert_refused(run: Run, arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("hello")
    (tmp_path / "net.py").write_text("def build(): ...")
    write_onnx(tmp_path / "open.onnx", shape=(1, 3, "h", "w"))
    write_onnx(tmp_path / "good.onnx")
    store_with(tmp_path / "store")
    store_with(tmp_path / "compared", make_comparison_process())
    torch.save({"state_dict": {"foo": 3}}, tmp_path / "odd.pth")
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("output_format", ["json", "csv", "markdown", "latex"])
def test_only_the_table_is_on_stdout(output_format: str, quickly: Run, tmp_path: Path) -> None:
    store_with(tmp_path / "store", make_round(threads=9))
    done = quickly("show", "store", "--output-format", output_format, "-v")
    assert done.returncode == 0
    assert "warning" in done.stderr
    assert "warning:" not in done.stdout
    if output_format == "json":
        assert json.loads(done.stdout)[0]["threads"] == 9


def test_a_quiet_run_says_nothing_and_leaves_nothing_but_its_store(
    effmod_process: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime would write of itself to both folders, to report it later."""
    for name in ("HOME", "TMPDIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in [*SILENCED, "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"]:
        monkeypatch.delenv(name, raising=False)
    write_onnx(tmp_path / "x.onnx")
    assert effmod_process("bench", "x.onnx", "--runs", "2", "--rounds", "1", "-q").stderr == ""
    assert [*(tmp_path / "HOME").iterdir(), *(tmp_path / "TMPDIR").iterdir()] == []


def test_quiet_hides_no_error(quickly: Run) -> None:
    assert "no store" in quickly("show", "nowhere", "-q").stderr


@pytest.mark.parametrize("arguments", [["show", "store"], ["diff", "store", "store"], ["plot", "store"]])
def test_a_damaged_file_hides_none_of_the_others(arguments: list[str], quickly: Run, tmp_path: Path) -> None:
    torn = store_with(tmp_path / "store") / "torn.json"
    torn.write_text("{")
    done = quickly(*arguments)
    assert done.returncode == 0, done.stderr
    assert "warning: left out: store/torn.json is not a record of effmod" in done.stderr
    for file in torn.parent.iterdir():
        file.write_text("{")
    done = quickly(*arguments)
    assert done.returncode == 5
    assert "torn.json" in done.stderr


def test_version(effmod_process: Run) -> None:
    assert effmod_process("--version").stdout.strip() == f"effmod {__version__}"


def test_a_bug_is_one_line_and_a_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("effmod_bench.targets.names.find_networks", fail)
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path / "log")
    result = CliRunner().invoke(app, ["list"])
    assert result.exit_code == 70
    (log,) = (tmp_path / "log").iterdir()
    assert "Traceback" in log.read_text()
    assert "Traceback" not in result.output
    assert "a bug in effmod" in result.output
