from typing import Any

import pytest

from results.report.icicle import icicle
from results.statistics.profile import summarise_profiles
from tests.fakes import make_profile


def _trace(*modules: str | None) -> dict[str, Any]:
    (found,) = summarise_profiles([make_profile([[700, 700], [200, 200], [100, 100]], modules=modules)])
    assert found
    (trace,) = icicle(found).traces
    return trace


def test_a_module_holds_those_in_it_and_has_what_is_left_of_its_time() -> None:
    trace = _trace("stem", "layers.0.fc", "layers.0")
    nodes = dict(zip(trace["ids"], zip(trace["labels"], trace["parents"], trace["values"], strict=True), strict=True))
    assert nodes == {
        "(all)": ("efficientmod_xxs", "", 0),
        "stem": ("stem", "(all)", pytest.approx(0.7)),
        "layers.0": ("layers.0", "(all)", pytest.approx(0.1)),
        "layers.0.fc": ("fc", "layers.0", pytest.approx(0.2)),
    }
    assert trace["branchvalues"] == "remainder"
    assert trace["hovertext"][2] == "<b>layers.0</b><br>0.300 ms, 30 %<br>2 operators"


def test_what_is_of_no_module_stands_beside_the_modules_and_names_are_text() -> None:
    trace = _trace("<b>", None, "<b>")
    assert dict(zip(trace["labels"], trace["parents"], strict=True)) == {
        "efficientmod_xxs": "",
        "&lt;b&gt;": "(all)",
        "(no module)": "(all)",
    }
