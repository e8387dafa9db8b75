import inspect
import io
import pickle

import pytest

import effmod_bench.errors
import exporters.errors
import models.zoo.errors
import results.plots.picture
import results.store
from effmod_bench import packages
from effmod_bench.errors import ExitCode, exit_code
from effmod_bench.isolation.messages import Failed, failed, read, write
from exporters import ExportError

OURS = [
    error
    for module in (effmod_bench.errors, exporters.errors, models.zoo.errors, results.store, results.plots.picture)
    for error in vars(module).values()
    if inspect.isclass(error) and issubclass(error, Exception) and error.__module__ == module.__name__
]


@pytest.mark.parametrize("kind", OURS)
def test_each_error_of_ours_survives_the_way(kind: type[Exception]) -> None:
    before = kind("the thing, the cause; the next step")
    sent = pickle.loads(failed(before, "the place"))
    assert isinstance(sent, Failed)
    assert type(sent.error) is kind
    assert str(sent.error) == str(before)
    assert exit_code(sent.error) is exit_code(before)
    assert sent.trace == "the place"


def test_messages_are_read_one_by_one_and_none_where_one_is_cut_short() -> None:
    stream = io.BytesIO()
    for content in (b"first", b"", b"x" * 100_000):
        write(stream, content)
    whole = stream.getvalue()
    assert [read(each) for each in [io.BytesIO(whole)] * 4] == [b"first", b"", b"x" * 100_000, None]
    assert read(io.BytesIO(whole[:10])) is None
    assert read(io.BytesIO(whole[:3])) is None


def test_a_package_that_is_missing_behind_another_error_is_named_on_the_way() -> None:
    error = ExportError("torch could not export Net")
    error.__cause__ = ModuleNotFoundError("No module named 'left_out'", name="left_out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packages, "_lines", lambda _: ["left-out>=2"])
        sent = pickle.loads(failed(error, "the place")).error
    assert exit_code(sent) is ExitCode.UNAVAILABLE
    assert "install left-out>=2" in str(sent).replace("'", "")
