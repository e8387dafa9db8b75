from pathlib import Path

import pytest

from tests.effmod_bench.support import effmod, store_with
from tests.fakes import make_accuracy, make_hand_entry, make_profile, make_round, timed_artifact

MEASURED = Path(__file__).resolve().parents[3] / "results" / "measured"
MOST_BYTES = 5_000_000


def test_a_page_is_written_of_several_stores(tmp_path: Path) -> None:
    store_with(tmp_path / "before")
    store_with(tmp_path / "after", make_round([5.0, 6.0]))
    done = effmod("report", "before", "after", "-o", "page.html")
    assert done.exit_code == 0
    assert done.stdout == "page.html\n"
    assert "holds no names of hosts or users, and loads nothing" in done.stderr
    html = (tmp_path / "page.html").read_text()
    assert "<title>Latencies: before, after</title>" in html
    assert "after beside before" in html
    assert "effmod bench efficientmod_xxs --threads 2 --runs 3 --rewrite none" in html
    assert str(tmp_path) not in html


def test_figures_entered_by_hand_alone_make_a_page(tmp_path: Path) -> None:
    store_with(tmp_path / "effmod-results", make_hand_entry())
    assert effmod("report", "-q").exit_code == 0
    assert "ModelBench 1.0" in (tmp_path / "report.html").read_text()


def test_profiles_alone_make_a_page_and_can_be_selected(tmp_path: Path) -> None:
    store_with(tmp_path / "effmod-results", make_profile([[700, 710]], modules=["stem"]))
    assert effmod("report", "-q", "--select", "efficientmod_*").exit_code == 0
    assert "Where the time goes" in (tmp_path / "report.html").read_text()
    assert effmod("report", "--select", "deit*").exit_code == 2


def test_what_is_selected_keeps_its_accuracy(tmp_path: Path) -> None:
    store_with(tmp_path / "effmod-results", make_round(), make_accuracy(timed_artifact()))
    assert effmod("report", "-q", "--select", "efficientmod_*").exit_code == 0
    assert "top-1 75.0 %, measured here" in (tmp_path / "report.html").read_text()


def test_stores_of_one_name_are_counted_and_their_folders_not_told(tmp_path: Path) -> None:
    for folder in ("secret/results", "other/results"):
        (tmp_path / folder).parent.mkdir()
        store_with(tmp_path / folder)
    assert effmod("report", "secret/results", "other/results").exit_code == 0
    html = (tmp_path / "report.html").read_text()
    assert "Latencies: results (1), results (2)" in html
    assert "secret" not in html


def test_a_store_that_is_named_twice_counts_once_where_it_is_first(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        store_with(tmp_path / name)
    assert effmod("report", "b", "a", "./b", "c").exit_code == 0
    assert "<title>Latencies: b, a, c</title>" in (tmp_path / "report.html").read_text()


def test_only_what_is_selected_is_shown(tmp_path: Path) -> None:
    store_with(tmp_path / "store", make_round(), make_round(artifact=timed_artifact("deit_tiny")))
    store_with(tmp_path / "phone", make_hand_entry())
    done = effmod("report", "store", "phone", "--select", "deit*", "--select", "nothing")
    assert done.exit_code == 0
    assert "Left out: the store phone, which has nothing of deit*, nothing" in done.stderr
    html = (tmp_path / "report.html").read_text()
    assert "deit_tiny" in html
    assert "efficientmod_xxs" not in html


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 5, "there is no store at nowhere"),
        (["empty"], 5, "the store empty holds no records; 'effmod bench --store empty' adds some"),
        (["store", "-o", "report.pdf"], 2, "cannot write a page into report.pdf: its name ends in .html"),
        (["store", "-o", "no/such/report.html"], 5, "cannot write no/such/report.html: No such file or directory"),
        (["store", "-o", "folder.html"], 5, "cannot write folder.html: Is a directory"),
        (["store", "--select", "x*"], 2, "nothing of x* is there to show; 'effmod show store' says what is"),
    ],
)
def test_what_is_wrong_is_named(arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    store_with(tmp_path / "store")
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.html").mkdir()
    done = effmod("report", *arguments)
    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr
    assert not list(tmp_path.glob("*/.effmod*"))


def test_table_1_is_a_page_that_can_be_sent(tmp_path: Path) -> None:
    assert effmod("report", str(MEASURED / "amd-epyc-2-cores-table-1")).exit_code == 0
    assert (tmp_path / "report.html").stat().st_size < MOST_BYTES
    html = (tmp_path / "report.html").read_text()
    assert "25 networks in 25 measurements, 100,000 timed runs" in html
    assert "effmod bench mobilenetv2_100 --threads 2 --anchor efficientmod_xxs --until 1% --rewrite none" in html


def test_what_was_reproduced_stands_beside_the_papers_figures(tmp_path: Path) -> None:
    assert effmod("report", str(MEASURED / "amd-epyc-2-cores-table-6")).exit_code == 0
    html = (tmp_path / "report.html").read_text()
    section = html.partition('<section id="suites"')[2].partition("</section>")[0]
    assert "Table 6" in section
    assert "paper&#39;s" in section
