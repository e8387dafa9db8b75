import pytest

from effmod_bench.screen.console import Console
from effmod_bench.screen.repeated import print_repeated
from results import Measurement, summarise
from results.statistics.reproduced import not_measured, reproduced
from results.tables.write import OutputFormat
from tests.fakes import make_round, timed_artifact


def test_what_differs_is_an_error_and_what_was_not_measured_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    def measured(name: str, ms: float) -> Measurement:
        rounds = [make_round([ms + i / 1000], index=i, artifact=timed_artifact(name)) for i in range(4)]
        return summarise(rounds)[0]

    rows = [
        reproduced(measured("same", 10.0), measured("same", 10.0), margin=0.1),
        reproduced(measured("slow", 10.0), measured("slow", 15.0), margin=0.1),
        not_measured(measured("lost", 10.0), "it is gone"),
    ]
    print_repeated(Console(), rows, OutputFormat.CSV, margin=0.1)
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 4
    said = " ".join(printed.err.split())
    assert "error: slow is not reproduced: it takes 1.500 (1.500 to 1.500) times as long here" in said
    assert "warning: lost was not measured: it is gone" in said
    assert "same" not in said
