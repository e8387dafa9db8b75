from results.plots.front import pareto_front


def test_the_pareto_front_holds_what_nothing_beats() -> None:
    points = [(10.0, 76.0), (12.0, 75.0), (13.0, 78.0), (13.0, 77.0), (9.0, 70.0), (20.0, 78.0)]
    assert pareto_front(points) == [4, 0, 2]


def test_of_equal_points_one_is_on_the_front() -> None:
    assert pareto_front([(1.0, 2.0), (1.0, 2.0)]) == [0]
    assert pareto_front([]) == []
