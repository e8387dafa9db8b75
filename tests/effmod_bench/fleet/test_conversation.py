from pathlib import Path
from typing import Any

import pytest

from effmod_bench.fleet.errors import BoardError
from effmod_bench.fleet.messages import Brought, FileThere, FromBoard, Lacking, Refused, Waiting, pack
from effmod_bench.fleet.parcel import Parcel
from tests.effmod_bench.fleet.support import conversation


class Saying:
    """A `Talk` with a board that says these, one after the other."""

    def __init__(self, *said: FromBoard | bytes) -> None:
        self._said = [each if isinstance(each, bytes) else pack(each)[8:] for each in said]

    def hear(self, _: float) -> bytes:
        return self._said.pop(0)

    def send(self, content: bytes) -> None: ...

    def send_file(self, path: Path) -> None: ...


def begun(*said: FromBoard | bytes, say: Any = lambda _: None) -> conversation.Conversation:
    talk: Any = Saying(*said)
    return conversation.Conversation(talk, say)


def test_the_answer_is_what_comes_after_what_the_user_should_hear() -> None:
    told: list[str] = []
    talk = begun(Waiting(text="somebody measures"), Brought(path="/there"), Refused(reason="no room"), say=told.append)
    assert talk.hear(Brought) == Brought(path="/there")
    assert told == ["somebody measures"]
    with pytest.raises(conversation.RefusedError, match="no room"):
        talk.hear(Brought)


@pytest.mark.parametrize("said", [b"{oops", b"{}", b'{"type":"Brought"}', b'{"type":"\xff"}', Brought(path="/there")])
def test_an_answer_of_another_kind_is_one_that_is_not_understood(said: FromBoard | bytes) -> None:
    with pytest.raises(BoardError, match="it answers what effmod does not understand; it said"):
        begun(said).hear(Lacking)


def test_a_board_that_lacks_what_nobody_spoke_of_is_not_understood() -> None:
    parcel = Parcel(
        what="a.onnx",
        folder="a",
        files=(FileThere(name="a.onnx", sha256="0" * 64, size_bytes=1),),
        paths={"a.onnx": Path("a.onnx")},
        main="a.onnx",
        fed={},
    )
    with pytest.raises(BoardError, match=r"it said 'b\.onnx'"):
        begun(Lacking(names=("b.onnx",))).bring(parcel)
