"""A function with its arguments is a target wherever a name is."""

import csv
import io
import json
from pathlib import Path

import pytest

from effmod_bench.errors import ExitCode
from exporters import read_sidecar
from tests.effmod_bench.commands.support import FEW_PAIRS, Workers, bench
from tests.effmod_bench.support import Run, effmod

NETWORK = """
from torch import nn

def net(width=8):
    return nn.Sequential(nn.Conv2d(3, width, 3, stride=4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""
NARROW, WIDE = "mine.py:net(width=8)", "mine.py:net(width=12)"
SIZE = ("--image-size", "32")


@pytest.fixture(autouse=True)
def _file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(NETWORK)


def test_two_widths_are_two_files_and_each_is_verified_against_its_own(quickly: Run, tmp_path: Path) -> None:
    done = quickly("export", NARROW, "mine.py:net( width=12 )", *SIZE, "--output", "out")
    assert done.returncode == 0, done.stderr
    paths = [tmp_path / line for line in done.stdout.splitlines()]
    assert [path.name for path in paths] == ["mine.py-net-width=8.onnx", "mine.py-net-width=12.onnx"]
    sidecars = [sidecar for path in paths if (sidecar := read_sidecar(path))]
    assert [(each.model, each.params) for each in sidecars] == [(NARROW, 8 * 28), (WIDE, 12 * 28)]
    assert quickly("verify", str(paths[1]), "--against", WIDE).returncode == 0
    other = quickly("verify", str(paths[1]), "--against", NARROW)
    assert other.returncode == ExitCode.CHECK_FAILED
    unnamed = quickly("verify", str(paths[1]))
    assert (unnamed.returncode, "--against 'PATH/mine.py:net(width=12)'" in unnamed.stderr) == (ExitCode.USAGE, True)


@pytest.mark.usefixtures("workers")
def test_a_sweep_is_timed_compared_and_shown_with_a_column(workers: Workers) -> None:
    done = bench(NARROW, WIDE, *SIZE, "--anchor", "mine.py:net", "--store", "s", "--output-format", "json")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == [NARROW, WIDE]
    assert {row["anchored"]["anchor"]["name"] for row in rows} == {"mine.py:net"}
    shown = effmod("show", "s", "--output-format", "csv").stdout
    assert [row["argument_width"] for row in csv.DictReader(io.StringIO(shown))] == ["8", "12"]
    compared = effmod("compare", NARROW, WIDE, *SIZE, *FEW_PAIRS, "--output-format", "json")
    assert compared.exit_code == 0, compared.output
    (row,) = json.loads(compared.stdout)
    assert (row["baseline"]["name"], row["candidate"]["name"]) == (NARROW, WIDE)
    assert workers.pairs[-1] == "mine.py-net-width=12.onnx"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("info", "mine.py:net(widht=8)"), "no argument 'widht'; did you mean 'width'?"),
        (("bench", "mine.py:net(width=x)", "--dry-run"), "width=x is no plain value"),
        (("bench", "efficientmod_xxs", "--anchor", "mine.py:net(widht=8)", "--dry-run"), "no argument 'widht'"),
        (("export", "mine.py:net(8)"), "8 stands without its argument's name"),
        (("compare", "mine.py:net(width=8", "mine.py:net"), "'(' was never closed"),
        (("tune", "timm:resnet18(width=8)"), "takes no arguments by name"),
        (("list", "efficientmod_*(dims=8)"), "arguments are for one network, not for a pattern"),
        (("info", "net.onnx(width=8)"), "net.onnx is a file, and its network is as it is; leave (width=8) out"),
    ],
)
def test_what_is_wrong_with_arguments_is_a_wrong_use(command: tuple[str, ...], said: str) -> None:
    done = effmod(*command)
    assert done.exit_code == ExitCode.USAGE
    assert said in " ".join(done.stderr.split())
