from pathlib import Path

import msgspec

from results import Store
from tests.effmod_bench.runs.support import run_plan
from tests.effmod_bench.support import effmod


def test_a_store_of_which_nothing_was_measured_says_so(tmp_path: Path) -> None:
    Store(tmp_path).write(msgspec.structs.replace(run_plan(), artifacts=()))
    done = effmod("show", str(tmp_path))
    assert done.exit_code == 5
    assert "holds no records; 'effmod bench" in " ".join(done.stderr.split())
