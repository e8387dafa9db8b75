from pathlib import Path

from effmod_bench.runs.stores import by_name


def test_stores_are_called_as_their_folders_each_once_and_counted_where_they_are_alike(tmp_path: Path) -> None:
    first, second, alone = (tmp_path / name for name in ("a/records", "b/records", "records (2)"))
    for folder in (first, second, alone):
        folder.mkdir(parents=True)
    again = tmp_path / "a" / ".." / "a" / "records"
    assert by_name([first, alone, again, second]) == {
        "records (1)": first,
        "records (2)": alone,
        "records (3)": second,
    }
    assert by_name([Path("/")]) == {"store": Path("/")}
