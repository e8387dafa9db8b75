import msgspec
import pytest

from effmod_bench.screen.console import Console
from effmod_bench.screen.measurements import print_measurements
from results import StabilityWarning, summarise
from results.tables.measurements import measurement_table
from results.tables.write import OutputFormat
from tests.fakes import make_round, timed_artifact


def test_advice_is_given_once_and_names_all_that_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    crowded = [make_round(threads=4, artifact=timed_artifact(name)) for name in ("efficientmod_xxs", "efficientmod_s")]
    fine = make_round(artifact=timed_artifact("resnet18"))
    measurements = summarise([*crowded, fine])
    print_measurements(Console(), measurements, measurement_table(measurements), OutputFormat.TABLE)
    (warning,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert warning.startswith("warning: fewer-cores-than-threads: more threads than cores")
    assert warning.endswith("(efficientmod_xxs, efficientmod_s)")


@pytest.mark.parametrize("warning", StabilityWarning)
def test_every_warning_has_advice(warning: StabilityWarning, capsys: pytest.CaptureFixture[str]) -> None:
    (measurement,) = summarise([make_round()])
    doubtful = msgspec.structs.replace(measurement, warnings=(warning,))
    print_measurements(Console(), [doubtful], measurement_table([doubtful]), OutputFormat.TABLE)
    assert f"warning: {warning}: " in capsys.readouterr().err
