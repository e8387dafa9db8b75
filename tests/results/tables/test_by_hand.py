import pytest

from results import TimedArtifact
from results.tables.by_hand import hand_entry_table
from results.tables.write import OutputFormat, render
from tests.fakes import make_hand_entry, timed_artifact


@pytest.mark.parametrize(
    ("artifact", "paper_ms"),
    [
        (None, 0.8),
        (timed_artifact("mobileone_s1", form="rewritten"), 0.8),
        (timed_artifact("mobileone_s1", form="layer_norm_to_batch_norm"), None),
        (timed_artifact("mobileone_s1", image_size=256), None),
    ],
)
def test_the_papers_phone_stands_beside_an_entry_of_the_same_network(
    artifact: TimedArtifact | None, paper_ms: float | None
) -> None:
    table = hand_entry_table([make_hand_entry(artifact=artifact)])
    (column,) = (column for column in table.columns if column.key == "published_iphone13_ms")
    assert column.get(table.rows[0]) == paper_ms
    assert column.published
    assert render(table, OutputFormat.MARKDOWN).startswith("Entered by hand")
