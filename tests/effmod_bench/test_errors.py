from effmod_bench.errors import exit_code
from exporters import FormatUnavailableError


def test_a_missing_converter_is_code_3() -> None:
    assert exit_code(FormatUnavailableError("no wheel")) == 3
