from pathlib import Path

from tests.effmod_bench.support import Run


def test_the_cache_says_what_it_holds(quickly: Run, artifact_cache: Path) -> None:
    done = quickly("cache", "info")
    assert done.stdout.startswith(f"{artifact_cache}: ")
    assert done.returncode == 0
