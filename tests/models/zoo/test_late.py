import pytest

import exporters.rewrites
import models
from models.zoo.complexity import count
from models.zoo.late import imported_late


def test_a_name_is_imported_when_it_is_asked_for() -> None:
    get = imported_late("package", {"count": "models.zoo.complexity"})
    assert get("count") is count
    assert models.count is count


@pytest.mark.parametrize("package", [models, exporters.rewrites])
def test_a_name_that_is_not_there_is_told_as_python_tells_it(package: object) -> None:
    with pytest.raises(AttributeError, match=r"module '[a-z.]+' has no attribute 'no_such_name'"):
        _ = getattr(package, "no_such_name")  # noqa: B009 - mypy would see that it is not there
