from typing import Any

from results.report.scatter import Group, Point, scatter


def _point(name: str, ms: float, top1: float) -> Point:
    return Point(ms=ms, top1=top1, name=name, hover=name, low_ms=ms, high_ms=ms * 1.1)


def _groups(count: int) -> list[Group]:
    points = (_point("slow", 20.0, 75.0), _point("fast", 5.0, 72.0), _point("best", 10.0, 80.0))
    return [Group(name=f"group {i}", points=points) for i in range(count)]


def _marks(groups: list[Group]) -> list[dict[str, Any]]:
    return [trace for trace in scatter(groups).traces if trace["mode"] != "lines"]


def test_the_front_is_a_line_through_what_nothing_beats_and_has_names() -> None:
    line, marks = scatter(_groups(1)).traces
    assert (line["x"], line["y"]) == ([5.0, 10.0], [72.0, 80.0])
    assert marks["text"] == ["", "fast", "best"]
    assert marks["x"] == [20.0, 5.0, 10.0]


def test_of_many_groups_no_names_hide_each_other_and_colours_and_signs_differ() -> None:
    marks = _marks(_groups(9))
    assert {text for trace in marks for text in trace["text"]} == {""}
    looks = {(trace["marker"]["color"], trace["marker"]["symbol"]) for trace in marks}
    assert len(looks) == 9


def test_the_name_of_a_point_just_below_the_next_one_stands_below_it() -> None:
    points = (_point("a", 1.0, 70.0), _point("b", 2.0, 70.1), _point("c", 3.0, 80.0))
    (marks,) = _marks([Group(name="", points=points)])
    assert marks["textposition"] == ["bottom right", "top left", "top left"]


def test_what_was_entered_by_hand_is_hollow() -> None:
    (marks,) = _marks([Group(name="", points=(_point("a", 1.0, 70.0),), is_by_hand=True)])
    assert marks["marker"]["symbol"].endswith("-open")


def test_the_buttons_name_all_points_and_change_the_axis() -> None:
    names, axis = scatter(_groups(1)).layout["updatemenus"]
    assert names["active"] == 1
    assert names["buttons"][2]["args"] == [{"text": [[], ["slow", "fast", "best"]]}]
    assert [button["args"][0]["xaxis.type"] for button in axis["buttons"]] == ["log", "linear"]
