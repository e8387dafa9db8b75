import csv
import io
import json

from tests.effmod_bench.support import Run


def test_the_list_carries_what_the_paper_published(quickly: Run) -> None:
    done = quickly("list", "efficientmod_*", "--output-format", "json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    row = rows["efficientmod_xxs"]
    assert (row["params"], row["macs"], row["top1"], row["image_size"]) == (4_736_264, 583_000_064, 76.0, 224)
    assert done.stderr == ""


def test_info_shows_stages_that_add_up(quickly: Run) -> None:
    done = quickly("info", "efficientmod_xxs", "--output-format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["name"] for row in rows][:2] == ["patch_embed", "layers.0"]
    assert sum(int(row["params"]) for row in rows) == 4_736_264
    assert sum(int(row["macs"]) for row in rows) == 583_000_064
    shown = quickly("info", "efficientmod_xxs")
    assert "arXiv 2403.19963" in shown.stdout
    assert "published top-1: 76.0 %" in shown.stdout
    whole = json.loads(quickly("info", "efficientmod_xxs", "--output-format", "json").stdout)
    assert whole["source"]["licence"] == "Apache-2.0"
    assert whole["published"]["top1_strong"] == 77.1
    assert whole["complexity"]["macs"] == 583_000_064
