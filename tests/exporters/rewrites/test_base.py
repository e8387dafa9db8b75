"""The names that stand where torch must not be imported are those of the rewrites."""

from exporters import Format
from exporters.rewrites import AUTO, DECISIVE, EXACT, NAMES, RETRAIN, REWRITES, Equivalence


def test_the_names_are_those_of_the_rewrites() -> None:
    assert set(EXACT) | set(RETRAIN) == set(REWRITES)
    assert [rewrite.NAME for rewrite in REWRITES.values()] == list(REWRITES) == list(NAMES)
    assert {name for name, rewrite in REWRITES.items() if rewrite.EQUIVALENCE is Equivalence.EXACT} == set(EXACT)
    assert [name for name in REWRITES if name in EXACT] == list(EXACT)
    assert set(DECISIVE) <= set(AUTO[Format.ONNX])
