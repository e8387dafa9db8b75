from pathlib import Path

import pytest

from effmod_bench.runs.verification import Verification
from effmod_bench.screen.console import Console
from results.tables.write import OutputFormat
from tests.effmod_bench.support import effmod


def test_what_is_asked_is_what_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Verification, OutputFormat]] = []

    def run(verification: Verification, _: Console, output_format: OutputFormat) -> None:
        asked.append((verification, output_format))

    monkeypatch.setattr(Verification, "run", run)
    against = ("--against", "efficientmod_xxs", "--checkpoint", "best.pth", "--data", "images")
    assert effmod("verify", "x.onnx", *against, "--output-format", "csv").exit_code == 0
    assert effmod("verify", "y.mlpackage").exit_code == 0
    assert asked == [
        (
            Verification(
                path=Path("x.onnx"), against="efficientmod_xxs", checkpoint=Path("best.pth"), data=Path("images")
            ),
            OutputFormat.CSV,
        ),
        (Verification(path=Path("y.mlpackage"), against=None, checkpoint=None, data=None), OutputFormat.TABLE),
    ]
