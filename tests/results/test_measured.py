"""The committed records of the paper's Table 1, and what the pages state of them."""

import re
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from results import ComparisonProcess, Measurement, Record, Round, Store, compare, read_measurements, summarise
from results.published import PAPER_CPU
from results.statistics.difference import differences
from results.statistics.gate import GateVerdict, Reason
from results.statistics.reproduction import PaperLatency, agreements, reproduce
from results.statistics.scaling import scale

ROOT = Path(__file__).resolve().parents[2]
STORE = Store(ROOT / "results/measured/amd-epyc-2-cores-table-1")
PAPER = PaperLatency(figure="cpu_e5_2680_4t_ms", hardware=PAPER_CPU)


@pytest.fixture(scope="module")
def table_1() -> list[Measurement]:
    return read_measurements(STORE)


def test_a_row_is_marked_where_its_ratio_overlaps_with_a_neighbours_and_nowhere_else(
    table_1: list[Measurement],
) -> None:
    assert not any(m.indistinct_from for m in table_1)
    for size in (224, 256):
        rows = [m for m in table_1 if m.artifact.image_size == size]
        ratios = {m.name: m.anchor_ratio for m in rows if m.anchor_ratio}
        assert len(ratios) == len(rows)
        in_order = sorted(ratios, key=lambda name: ratios[name].ratio)
        alike = {frozenset(pair) for pair in pairwise(in_order) if ratios[pair[1]].low <= ratios[pair[0]].high}
        marked = {frozenset((m.name, other)) for m in rows if m.anchored for other in m.anchored.indistinct_from}
        assert marked == alike


def test_the_agreement_with_the_paper_is_as_the_page_states_it(table_1: list[Measurement]) -> None:
    (of_224, of_256) = agreements(reproduce(table_1, [PAPER]), PAPER_CPU)
    assert (of_224.networks, of_256.networks, of_224.anchor) == (22, 3, "efficientmod_xxs")
    assert of_224.interval
    stated = f"tau of {of_224.tau:.2f} ({of_224.interval[0]:.2f} to {of_224.interval[1]:.2f})"
    assert stated in re.sub(r"\s+", " ", (ROOT / "docs/measuring.md").read_text())


def test_a_gate_does_not_pass_where_all_of_table_1_takes_longer_by_the_same_factor(
    table_1: list[Measurement],
) -> None:
    """Every duration, those beside the anchor too: their ratios are what they were."""

    def slower(record: Record) -> Record:
        changes = {
            name: tuple(round(1.3 * ns) for ns in getattr(record, name))
            for name in ("durations_ns", "baseline_ns", "candidate_ns")
            if hasattr(record, name)
        }
        return msgspec.structs.replace(record, **changes)

    records = [slower(record) for record in STORE.records(Round, ComparisonProcess)]
    rounds = sorted((each for each in records if isinstance(each, Round)), key=lambda each: each.started_at)
    pairs = sorted((each for each in records if isinstance(each, ComparisonProcess)), key=lambda each: each.started_at)
    rows = differences(table_1, summarise(rounds, pairs), margin=0.005, limit=0.05)
    gates = [row.gate for row in rows if row.gate]
    assert len(gates) == 25
    assert {gate.verdict for gate in gates} == {GateVerdict.UNDECIDED}
    assert [row.own_ratio for row in rows if row.anchor] == pytest.approx([1.3] * 24)
    narrow = [row for row in rows if row.anchor and row.estimate and row.estimate.high < 1.05]
    assert len(narrow) > 5
    assert {row.gate.reason for row in narrow if row.gate} == {Reason.MOVED}
    assert {gate.verdict for row in differences(table_1, table_1, margin=0.005, limit=0.05) if (gate := row.gate)} == {
        GateVerdict.PASSES
    }


def found(figure_or_table: str) -> Store:
    return Store(ROOT / f"results/measured/amd-epyc-2-cores-{figure_or_table}")


def stated() -> str:
    """What the page on reproductions says was found."""
    return re.sub(r"\s+", " ", (ROOT / "docs/reproducing.md").read_text())


def test_the_two_blocks_of_figure_2_are_as_far_apart_as_the_page_states() -> None:
    (comparison,) = compare(found("figure-2").read_kind(ComparisonProcess))
    estimate = comparison.estimate
    assert estimate is not None
    assert f"takes {estimate.ratio:.3f} ({estimate.low:.3f} to {estimate.high:.3f}) times" in stated()
    assert f"{comparison.runs} runs of each in {comparison.processes} processes" in stated()


def test_figure_9_is_as_the_page_states_it() -> None:
    ms = {m.name: m.latency.p50_ms for m in read_measurements(found("figure-9")) if m.latency}
    ours, theirs = (
        {k: ms[f"{block}_iso(dim=192, kernel_size={k})"] for k in (3, 11)} for block in ("efficientmod", "mbconv")
    )
    assert f"becomes {ours[11] / ours[3]:.2f} times as slow, MBConv {theirs[11] / theirs[3]:.2f} times" in stated()
    assert f"{theirs[3] / ours[3]:.2f} times EfficientMod's time at 3, and {theirs[11] / ours[11]:.2f}" in stated()
    by_width = [
        ms[f"mbconv_iso(dim={dim}, kernel_size=7)"] / ms[f"efficientmod_iso(dim={dim}, kernel_size=7)"]
        for dim in (64, 96, 128, 192, 256, 320, 384)
    ]
    assert f"it is {min(by_width):.2f} to {max(by_width):.2f} times" in stated()


def test_table_6_is_as_the_page_states_it() -> None:
    rows = read_measurements(found("table-6"))
    ratio = {m.name: m.anchor_ratio.ratio for m in rows if m.anchor_ratio}
    apart = [ratio[f"mbconv_iso_{width}"] / ratio[f"efficientmod_iso_{width}"] for width in (196, 256)]
    assert f"takes {apart[0]:.1f} and {apart[1]:.1f} times" in stated()
    assert f"is {ratio['mbconv_hier_13m'] / ratio['efficientmod_s_conv']:.2f} apart" in stated()
    (of_all,) = agreements(reproduce(rows, [PAPER]), PAPER_CPU)
    assert of_all.interval
    assert f"tau of {of_all.tau:.2f} ({of_all.interval[0]:.2f} to {of_all.interval[1]:.2f})" in stated()


def test_the_exponents_of_figure_8_are_as_the_page_states_them() -> None:
    power = {series.name: series.power for series in scale(read_measurements(found("figure-8")), "image_size")}
    networks = ("efficientmod_s", "efficientmod_s_conv", "mobilevitv2_150", "efficientformerv2_s2", "mobileformer_508m")
    titles = (
        " in EfficientMod-s",
        " in its",
        " in MobileViTv2-1.5",
        " in EfficientFormerV2-S2",
        " in Mobile-Former-508M",
    )
    assert power.keys() == set(networks)
    halves = []
    for network, title in zip(networks, titles, strict=True):
        fit = power[network]
        assert fit is not None
        assert fit.interval is not None
        assert f"{fit.slope:.2f}{title}" in stated()
        halves.append((fit.interval[1] - fit.interval[0]) / 2)
    assert f"95 % intervals of {min(halves):.2f} to {max(halves):.2f} either way" in stated()


def test_the_first_look_at_table_1_is_as_the_page_states_it() -> None:
    rows = read_measurements(found("table-1-quick"))
    assert len(rows) == 25
    assert all(m.latency and m.anchor_ratio for m in rows)
    of_224, _ = agreements(reproduce(rows, [PAPER]), PAPER_CPU)
    assert of_224.interval
    assert f"tau of {of_224.tau:.2f} ({of_224.interval[0]:.2f} to {of_224.interval[1]:.2f})" in stated()


def test_how_many_processes_table_1_needs_for_a_percent_is_as_the_page_states_it() -> None:
    """The records, without what `--until` itself said of them."""
    records = found("table-1-one-thread").read_kind(ComparisonProcess)
    comparisons = compare(records)
    assert len(comparisons) == 24
    assert {record.plan.threads for record in records} == {1}
    assert all(each.estimate and each.estimate.half_width <= 0.01 and not each.warnings for each in comparisons)
    processes = sorted(each.processes for each in comparisons)
    starts = sorted(datetime.fromisoformat(record.started_at) for record in records)
    page = re.sub(r"\s+", " ", (ROOT / "docs/comparing.md").read_text())
    assert f"{processes[0]} processes of {records[0].plan.blocks * 2} runs of each are enough" in page
    assert f"for {processes.count(processes[0])} of the 24 other networks" in page
    minutes = (starts[-1] - starts[0]).total_seconds() / 60
    assert f"known to 1 % after at most {processes[-1]}, {minutes:.0f} minutes" in page
