import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.instrument import available
from effmod_bench.instrument.lock import measuring_alone


def test_nothing_is_tried_while_another_effmod_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was tried")

    monkeypatch.setattr(available, "run_convolution", never)
    with measuring_alone(wait=False, on_wait=never):
        done = CliRunner().invoke(app, ["doctor", "--device", "cpu", "--no-wait"])
    assert done.exit_code == 3
    assert "another effmod measures on this machine" in " ".join(done.stderr.split())
