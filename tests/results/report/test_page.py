"""The page as text; `test_browser` opens it."""

import re
from pathlib import Path

import msgspec
import pytest

from results import ComparisonPlan, Record, StatedAccuracy
from results.report.page import SECTIONS, page, save
from tests.fakes import (
    make_accuracy,
    make_comparison_process,
    make_hand_entry,
    make_profile,
    make_round,
    on_board,
    timed_artifact,
)
from tests.results.report.support import report_of

TEMPLATES = Path("results/report/templates")


def _text(html: str) -> str:
    """What is read: without tags, scripts and styles."""
    html = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def _titles(html: str) -> list[str]:
    return re.findall(r"<h2[^>]*>([^<]+)</h2>", html)


def _compared(**changes: object) -> list[Record]:
    plan = msgspec.structs.replace(ComparisonPlan(targets=("efficientmod_xxs", "efficientmod_xs")), **changes)
    return [make_comparison_process((1.02 + i / 1000,) * 2, plan=plan, index=i, run_id="c") for i in range(3)]


def _profiled() -> Record:
    return make_profile([[700, 710], [200, 210]], modules=["layers.0.fc", "stem"])


def test_a_page_has_the_sections_that_its_records_fill(tmp_path: Path) -> None:
    alone = page(report_of(tmp_path, alone=[make_round()]))
    assert _titles(alone) == [
        "In short",
        "Latency against accuracy",
        "Measurements",
        "Network by network",
    ]
    every = page(
        report_of(
            tmp_path,
            before=[make_round([10.0 + i], index=i) for i in range(3)],
            after=[*[make_round([9.0 + i], index=i) for i in range(3)], *_compared(), make_hand_entry(), _profiled()],
        )
    )
    found = [section.title for section in SECTIONS]
    found.remove("Tables of the paper, measured again")
    assert _titles(every) == found


def test_figures_entered_by_hand_alone_make_a_page_that_says_so(tmp_path: Path) -> None:
    html = page(report_of(tmp_path, phone=[make_hand_entry("efficientmod_xxs", note="<i>warm</i>")]))
    text = _text(html)
    assert "1 figure entered by hand" in text
    assert "Entered by hand: measured elsewhere, by other tools; effmod has no samples of it" in text
    assert "&lt;i&gt;warm&lt;/i&gt;" in html
    assert "iPhone 13, ModelBench 1.0: entered by hand" in html  # in the plot
    assert "Measurements" not in _titles(html)


def test_profiles_alone_make_a_page(tmp_path: Path) -> None:
    html = page(report_of(tmp_path, store=[_profiled()]))
    assert _titles(html) == ["In short", "Where the time goes"]
    head = _text(html).partition("Page written")[0]
    assert "1 profile" in head
    assert "A CPU" in head
    assert "2026-01-01 00:00 UTC" in head


def test_the_head_says_what_is_fastest_and_what_nothing_beats(tmp_path: Path) -> None:
    times = {"efficientmod_xxs": 5.0, "efficientmod_xs": 7.0, "mobilenetv2_100": 6.0}
    rounds: list[Record] = [make_round([ms], artifact=timed_artifact(name)) for name, ms in times.items()]
    text = _text(page(report_of(tmp_path, store=rounds)))
    assert "Fastest of 3: efficientmod_xxs, 5.00 ms (median); slowest: efficientmod_xs, 7.00 ms." in text
    assert "than these: efficientmod_xxs (76.0 %), efficientmod_xs (78.3 %)." in text


def test_the_head_says_whose_an_accuracy_is_that_is_not_the_papers(tmp_path: Path) -> None:
    times = {"efficientmod_xxs": 5.0, "efficientmod_xs": 7.0, "mobilenetv2_100": 6.0}
    rounds: list[Record] = [make_round([ms], artifact=timed_artifact(name)) for name, ms in times.items()]
    own = msgspec.structs.replace(timed_artifact("net3.py:a"), sha256="7" * 64)
    said = StatedAccuracy(id="s-accuracy", started_at="2026", of=make_accuracy(own).of, top1=50.0)
    text = _text(page(report_of(tmp_path, store=[*rounds, make_round([4.0], artifact=own), said])))
    assert "than these: net3.py:a (50.0 %, stated by the user), efficientmod_xxs (76.0 %)" in text


def test_the_head_compares_accuracies_over_the_same_images_alone(tmp_path: Path) -> None:
    records: list[Record] = []
    for i, right in enumerate((270, 180, 300)):
        own = msgspec.structs.replace(timed_artifact(f"mine.py:net{i}"), sha256=str(i) * 64)
        records += [make_round([4.0 + i], artifact=own), make_accuracy(own, right=right)]
    text = _text(page(report_of(tmp_path, store=[*records, make_round([3.0])])))
    assert text.count("None is both faster") == 1
    assert (
        "None is both faster and more accurate over val (10 classes, d1d1d1d) than these: mine.py:net0 (75.0 %, "
        "measured here), mine.py:net2 (83.3 %, measured here)." in text
    )


def test_the_head_has_a_fastest_of_each_board(tmp_path: Path) -> None:
    times = {"efficientmod_xxs": 5.0, "efficientmod_xs": 7.0, "mobilenetv2_100": 6.0}
    rounds: list[Record] = [
        on_board(make_round([factor * ms], artifact=timed_artifact(name), run_id=place), place)
        for place, factor in (("pi5", 1), ("pi6", 3))
        for name, ms in times.items()
    ]
    text = _text(page(report_of(tmp_path, store=rounds)))
    assert "Fastest of 3: efficientmod_xxs on pi5, 5.00 ms (median)" in text
    assert "Fastest of 3: efficientmod_xxs on pi6, 15.00 ms (median)" in text
    assert "pi5: A CPU" in text


def test_a_network_has_its_rounds_its_hash_its_command_and_its_failures(tmp_path: Path) -> None:
    records: list[Record] = [
        make_round([10.0, 10.0], index=0),
        make_round(index=1, failure="cannot read /home/alice/a.onnx"),
    ]
    text = _text(page(report_of(tmp_path, store=records)))
    assert "5" * 64 in text
    assert "effmod bench efficientmod_xxs" in text
    assert "Failed: cannot read a.onnx" in text
    assert "alice" not in text
    assert re.search(r"2026-01-01 00:00:01 0 failed", text)
    assert "1 process failed" in text


def test_each_warning_stands_once_with_its_advice(tmp_path: Path) -> None:
    slow: list[Record] = [
        make_round([10.0 + 5 * i] * 2, artifact=timed_artifact(name), index=i)
        for name in ("efficientmod_xxs", "efficientmod_xs")
        for i in range(3)
    ]
    text = _text(page(report_of(tmp_path, store=slow)))
    assert text.count("What to do about rounds-disagree.") == 1


def test_a_gate_stands_in_the_plot_and_in_the_table(tmp_path: Path) -> None:
    html = page(report_of(tmp_path, store=_compared(fail_if_slower=0.01)))
    assert "Gate, at most 1 % slower: 0 pass, 1 fails, 0 undecided." in _text(html)
    assert "gate: fails" in html
    assert "effmod compare efficientmod_xxs efficientmod_xs" in html


def test_the_second_store_stands_beside_the_first(tmp_path: Path) -> None:
    before: list[Record] = [make_round([10.0 + i / 100], index=i) for i in range(3)]
    after: list[Record] = [make_round([5.0 + i / 100], index=i) for i in range(3)]
    lost = make_round(artifact=timed_artifact("deit_tiny"))
    text = _text(page(report_of(tmp_path, before=[*before, lost], after=after)))
    assert "after beside before" in text
    assert "50.0 % faster" in text
    assert "Only in before: deit_tiny." in text


@pytest.mark.parametrize("name", ["<script>hacked=1</script>", "x' onerror='hacked=1", "{{ 7 * 7 }}"])
def test_a_name_is_text_wherever_it_stands(name: str, tmp_path: Path) -> None:
    record = msgspec.structs.replace(make_round(artifact=timed_artifact(name)), id="a")
    html = page(report_of(tmp_path, store=[record]))
    assert name not in html.replace("&#39;", "") or "{{" in name
    assert "49" not in _text(html).partition("Network by network")[2][:60]


def test_nothing_runs_but_what_the_policy_names_and_nothing_is_loaded(tmp_path: Path) -> None:
    html = page(report_of(tmp_path, store=[make_round()]))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy[1]
    (scripts,) = re.findall(r"script-src ([^;]+);", policy[1])
    assert "unsafe-inline" not in scripts
    own = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.DOTALL)
    assert not re.search(r"\son\w+\s*=|\ssrc=|<link|https?://", own.partition("<!--")[0])
    assert "Permission is hereby granted, free of charge" in html


def _contrast(one: str, other: str) -> float:
    """After the Web Content Accessibility Guidelines 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_text_stands_out_in_light_and_dark_and_on_paper() -> None:
    root = Path(__file__).resolve().parents[3]
    style = (root / TEMPLATES / "page.css").read_text()
    schemes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(schemes) == 3
    for colours in schemes:
        for text in ("ink", "quiet", "accent", "bad"):
            for ground in ("paper", "stripe", "published"):
                assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground, colours)


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("before")
    with pytest.raises(FileNotFoundError):
        save("new", tmp_path / "missing" / "a.html")
    assert save("new", tmp_path / "a.html") == 3
    assert (tmp_path / "a.html").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
