import msgspec

from results import summarise
from results.published import PAPER_CPU
from results.statistics.reproduction import PaperLatency
from results.tables import reproductions
from results.tables.measurements import MEASUREMENT_COLUMNS, measurement_table
from results.tables.reproductions import reproduction_table
from results.tables.write import OutputFormat, render
from tests.fakes import make_round, timed_artifact

PAPER = PaperLatency(figure="cpu_e5_2680_4t_ms", hardware=PAPER_CPU)
# Of Table 1: 3.8, 6.8, 6.9 and 10.2 ms.
NAMES = ("mobilenetv2_100", "fasternet_t0", "mobileone_s1", "efficientmod_xxs")


def test_the_note_on_rounds_speaks_of_the_columns_that_are_there() -> None:
    measurements = summarise([make_round([10.0 + i], index=i) for i in range(3)])
    (paper,) = (note for note in reproduction_table("", measurements, [], not_measured=[]).notes if note[0] == "²")
    assert paper == (
        "² a round is a fresh process. Rounds spread: how far the medians of rounds lie apart, relative to the median."
    )
    (ours,) = (note for note in measurement_table(measurements).notes if note[0] == "²")
    assert "Runs spread: " in ours
    assert "rounds spread: " in ours
    assert "p50 by round: the mean of these medians, with its 95 % interval, which speaks for the 2 s in which" in ours
    (single,) = (note for note in measurement_table(summarise([make_round()])).notes if note[0] == "²")
    assert "rounds spread" not in single.lower()
    assert "interval" not in single
    alone = reproduction_table("", summarise([make_round()]), [], not_measured=[])
    assert not [note for note in alone.notes_of(alone.main_columns()) if note[0] == "²"]


def test_the_table_says_how_far_the_orders_agree_and_what_it_lacks() -> None:
    measurements = summarise(
        [make_round([ms], artifact=timed_artifact(n)) for n, ms in zip(NAMES, (1.0, 2.0, 4.0, 3.0), strict=True)]
    )
    table = reproduction_table("Table 1", measurements, [PAPER], not_measured=["deit_tiny"])
    text = render(table, OutputFormat.MARKDOWN)
    assert "Table 1\nA CPU, " in text
    assert "Kendall's tau 0.67, without an interval" in text
    assert "Not the paper's hardware" in text
    assert "Not measured: deit_tiny." in text
    assert "paper's ms" in text


def test_ranks_among_networks_of_another_image_size_are_marked_and_the_mark_is_explained() -> None:
    names = (*NAMES, "mobilevit_xs", "mobilevitv2_100")
    measurements = summarise(
        make_round([i + 1.0], artifact=timed_artifact(name, image_size=256 if "vit" in name else 224))
        for i, name in enumerate(names)
    )
    table = reproduction_table("Table 1", measurements, [PAPER], not_measured=[])
    ranks = next(column for column in table.main_columns() if column.key == "rank")
    assert [ranks.text(row) for row in table.rows] == ["1", "2", "3", "4", "1 ⁶", "2 ⁶"]
    assert [ranks.get(row) for row in table.rows] == [1, 2, 3, 4, 1, 2]
    assert table.notes[-1].startswith("⁶ takes images of another size than most")
    assert [note for note in table.notes if "4 networks of 224 px, by their mean," in note]
    assert [note for note in table.notes if "2 networks of 256 px" in note]
    alike = reproduction_table("Table 1", measurements[:4], [PAPER], not_measured=[])
    assert not [note for note in alike.notes if "⁶" in note]


def test_of_several_boards_or_numbers_of_threads_each_order_says_whose_it_is() -> None:
    rounds = [
        make_round([ms * threads], threads=threads, artifact=timed_artifact(name))
        for threads in (1, 4)
        for name, ms in zip(NAMES, (1.0, 2.0, 4.0, 3.0), strict=True)
    ]
    on_boards = [
        msgspec.structs.replace(each, environment=msgspec.structs.replace(each.environment, place=place))
        for place in ("pi1", "pi2")
        for each in rounds[:4]
    ]
    for records, words in (
        (on_boards, ("224 px on pi1, by", "224 px on pi2, by")),
        (rounds, ("224 px with 1 thread, by", "224 px with 4 threads, by")),
        (rounds[:4], ("224 px, by",)),
    ):
        notes = reproduction_table("Table 1", summarise(records), [PAPER], not_measured=[]).notes
        orders = [note for note in notes if "Kendall" in note]
        assert len(orders) == len(words)
        assert all(word in order for word, order in zip(words, orders, strict=True))


def test_what_the_papers_table_leaves_out_or_hides_are_columns_of_measurements() -> None:
    keys = {column.key for column in MEASUREMENT_COLUMNS}
    assert {*reproductions._NOT_REPRODUCED, *reproductions._DETAILS} <= keys
