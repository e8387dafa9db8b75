import math
import random

import msgspec
import pytest

from results import ComparisonPlan, Runtime, RuntimeOptions, summarise
from results.published import PAPER_CPU
from results.statistics.reproduction import PaperLatency, Reproduced, agreement, agreements, reproduce
from tests.fakes import make_comparison_process, make_round, timed_artifact

PAPER = PaperLatency(figure="cpu_e5_2680_4t_ms", hardware=PAPER_CPU)
# Of Table 1: 3.8, 6.8, 6.9 and 10.2 ms.
NAMES = ("mobilenetv2_100", "fasternet_t0", "mobileone_s1", "efficientmod_xxs")


def rows_of(milliseconds: dict[str, float], *, batch_size: int = 1, image_size: int = 224) -> list[Reproduced]:
    rounds = [
        make_round([ms], artifact=timed_artifact(name, batch_size=batch_size, image_size=image_size))
        for name, ms in milliseconds.items()
    ]
    return reproduce(summarise(rounds), [PAPER])


def test_ratio_and_ranks_stand_beside_the_papers_figures() -> None:
    rows = rows_of(dict(zip(NAMES, (1.9, 5.0, 4.0, 10.2), strict=True)))
    assert [row.paper_ms[PAPER_CPU] for row in rows] == [3.8, 6.8, 6.9, 10.2]
    assert [row.ratio for row in rows] == pytest.approx([0.5, 5 / 6.8, 4 / 6.9, 1.0])
    assert [row.rank for row in rows] == [1, 3, 2, 4]
    assert [row.paper_rank for row in rows] == [1, 2, 3, 4]


def test_the_ratio_is_of_means_as_the_papers_figures_are() -> None:
    (row,) = reproduce(summarise([make_round([10.0, 10.0, 40.0])]), [PAPER])
    assert row.ratio == pytest.approx(20 / 10.2)


def test_equal_figures_share_a_rank() -> None:
    rows = rows_of(dict.fromkeys(NAMES[:3], 5.0))
    assert [row.rank for row in rows] == [1, 1, 1]


def test_a_network_that_the_paper_did_not_time_has_empty_cells_and_takes_no_rank() -> None:
    rows = rows_of({"efficientmod_s_conv_f_only": 1.0, NAMES[0]: 2.0, NAMES[1]: 3.0})
    assert [(row.rank, row.paper_rank) for row in rows] == [(None, None), (1, 1), (2, 2)]
    assert (rows[0].paper_ms, rows[0].ratio) == ({}, None)


def test_one_network_alone_is_not_ranked() -> None:
    (row,) = rows_of({NAMES[0]: 2.0})
    assert row.ratio == pytest.approx(2 / 3.8)
    assert (row.rank, row.paper_rank) == (None, None)


def test_the_papers_figures_are_of_the_plain_form_one_image_its_own_size_and_its_runtime() -> None:
    assert rows_of({NAMES[0]: 2.0}, batch_size=8)[0].paper_ms == {}
    assert rows_of({NAMES[0]: 2.0}, image_size=192)[0].paper_ms == {}
    (rewritten,) = reproduce(summarise([make_round(artifact=timed_artifact(form="rewritten"))]), [PAPER])
    assert rewritten.paper_ms == {}
    record = make_round()
    plan = msgspec.structs.replace(record.plan, options=RuntimeOptions(runtime=Runtime.OPENVINO))
    assert reproduce(summarise([msgspec.structs.replace(record, plan=plan)]), [PAPER])[0].paper_ms == {}


def test_ranks_are_among_rows_that_differ_in_the_network_alone() -> None:
    rounds = [
        make_round([ms * threads], threads=threads, artifact=timed_artifact(name))
        for threads in (1, 4)
        for name, ms in zip(NAMES, (1, 2, 3, 4), strict=True)
    ]
    rows = reproduce(summarise(rounds), [PAPER])
    assert [row.rank for row in rows] == [1, 2, 3, 4, 1, 2, 3, 4]
    assert [found.networks for found in agreements(rows, PAPER_CPU)] == [4, 4]


def beside_anchor(milliseconds: dict[str, float], ratios: dict[str, float]) -> list[Reproduced]:
    """Beside the last of NAMES, where there is a ratio to it."""
    targets = (NAMES[-1], *ratios)
    pairs = [
        make_comparison_process([ratio] * 2, plan=ComparisonPlan(targets=targets), target=targets.index(name), index=i)
        for name, ratio in ratios.items()
        for i in range(2)
    ]
    rounds = [make_round([ms], artifact=timed_artifact(name), targets=targets) for name, ms in milliseconds.items()]
    return reproduce(summarise(rounds, pairs), [PAPER])


def test_beside_an_anchor_ranks_and_agreement_are_by_the_ratio_to_it_and_the_quotient_is_of_means() -> None:
    means = dict(zip(NAMES, (4.0, 3.0, 2.0, 1.0), strict=True))  # in which the machine slowed down, then not
    rows = {row.measurement.name: row for row in beside_anchor(means, dict(zip(NAMES, (0.4, 0.6, 0.7), strict=False)))}
    assert [rows[name].rank for name in NAMES] == [1, 2, 3, 4]
    assert rows[NAMES[0]].ratio == pytest.approx(4 / 3.8)
    (found,) = agreements(list(rows.values()), PAPER_CPU)
    assert found.tau == pytest.approx(1.0)
    assert (found.anchor, found.image_size) == (NAMES[-1], 224)


def test_where_one_has_no_ratio_to_the_anchor_means_rank_them_all() -> None:
    means = dict(zip(NAMES, (4.0, 3.0, 2.0, 1.0), strict=True))
    rows = beside_anchor(means, {NAMES[0]: 0.4, NAMES[1]: 0.6})
    assert [row.rank for row in rows if row.measurement.name in means] == [
        {name: rank for rank, name in enumerate(reversed(NAMES), 1)}[row.measurement.name] for row in rows
    ]
    assert [found.anchor for found in agreements(rows, PAPER_CPU)] == [None]


def test_networks_of_another_image_size_than_most_are_ranked_among_themselves_and_marked() -> None:
    names = (*NAMES, "mobilevit_xs", "mobilevitv2_100")
    rounds = [
        make_round([i + 1.0], artifact=timed_artifact(name, image_size=256 if "vit" in name else 224))
        for i, name in enumerate(names)
    ]
    rows = reproduce(summarise(rounds), [PAPER])
    assert [(row.rank, row.is_of_other_size) for row in rows] == [
        *((rank, False) for rank in (1, 2, 3, 4)),
        *((rank, True) for rank in (1, 2)),
    ]
    assert [found.image_size for found in agreements(rows, PAPER_CPU)] == [224, 256]


def test_the_same_order_is_1_and_the_opposite_one_minus_1_without_an_interval() -> None:
    values = [float(i) for i in range(10)]
    same, opposite = agreement(values, values), agreement(values, values[::-1])
    assert same
    assert opposite
    assert (same.tau, opposite.tau) == pytest.approx((1, -1))
    assert (same.interval, opposite.interval) == (None, None)


def test_few_networks_have_a_tau_and_no_interval() -> None:
    found = agreement([1, 2, 3, 4], [1, 2, 4, 3])
    assert found
    assert found.tau == pytest.approx(4 / 6)
    assert (found.networks, found.interval) == (4, None)
    assert agreement([1.0], [1.0]) is None
    assert agreement([1.0, 1.0], [1.0, 2.0]) is None


def test_the_interval_covers_the_true_tau_as_often_as_it_says() -> None:
    draws, hits, trials = random.Random(0), 0, 600
    rho = 0.9
    truth = 2 / math.pi * math.asin(rho)  # of a bivariate normal
    for _ in range(trials):
        x = [draws.gauss(0, 1) for _ in range(25)]
        y = [rho * value + math.sqrt(1 - rho**2) * draws.gauss(0, 1) for value in x]
        found = agreement(x, y)
        assert found
        assert found.interval
        hits += found.interval[0] <= truth <= found.interval[1]
    assert 0.92 <= hits / trials <= 0.98
