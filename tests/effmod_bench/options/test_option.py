from typing import Annotated, get_args

import pytest

from effmod_bench.options.option import but, declared_as, option

Size = Annotated[int, option("--size", "-s", help="How large.", metavar="N", min=1)]


def test_a_shared_option_is_said_in_other_words_and_stays_as_it_was() -> None:
    changed = but(Size, help="How wide.", hidden=True)
    _, shared = get_args(Size)
    assert (changed.help, changed.hidden, changed.min, changed.param_decls) == ("How wide.", True, 1, ("-s",))
    assert (shared.help, shared.hidden) == ("How large.", False)
    assert declared_as(but(Annotated[int, changed], help="How deep.")) is shared


@pytest.mark.parametrize("rule", ["parser", "min", "callback", "param_decls", "is_flag"])
def test_a_shared_option_keeps_its_meaning(rule: str) -> None:
    with pytest.raises(TypeError, match=f"one meaning: {rule}"):
        but(Size, **{rule: None})
