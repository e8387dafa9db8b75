from pathlib import Path

from tests.effmod_bench.support import Run, store_with
from tests.fakes import make_round, timed_artifact


def test_a_plot_names_what_it_left_out(quickly: Run, tmp_path: Path) -> None:
    store_with(tmp_path / "store", make_round(), make_round(artifact=timed_artifact("mine.onnx", form=None)))
    done = quickly("plot", "store", "--output", "x.svg")
    assert done.stdout.strip() == "x.svg"
    assert "Left out" in done.stderr
    assert "mine.onnx" in done.stderr
    assert (tmp_path / "x.svg").stat().st_size > 1000
