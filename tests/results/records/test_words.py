import pytest

from results.records.words import cores_in_words


@pytest.mark.parametrize(
    ("cores", "text"),
    [((0,), "0"), ((0, 1), "0-1"), ((8, 0, 2, 1, 10), "0-2,8,10"), ((), ""), (None, None)],
)
def test_cores_are_written_as_linux_writes_them(cores: tuple[int, ...] | None, text: str | None) -> None:
    assert cores_in_words(cores) == text
