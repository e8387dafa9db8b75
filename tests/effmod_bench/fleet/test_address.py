import pytest

from effmod_bench.errors import TargetError
from effmod_bench.fleet.address import Address, parse_addresses


def test_an_address_says_as_much_as_its_user_does() -> None:
    assert parse_addresses("ssh://pi@board1:2222,orange=ssh://board2, ssh://alias") == (
        Address(name="board 1", host="board1", user="pi", port=2222),
        Address(name="orange", host="board2"),
        Address(name="board 3", host="alias"),
    )
    assert parse_addresses("ssh://[fe80::1]:22")[0].host == "fe80::1"


def test_a_host_is_taken_as_it_is_written_since_aliases_have_capitals() -> None:
    hosts = [
        each.host for each in parse_addresses("ssh://MyPi,ssh://Ada@MyPi:2222,ssh://[FE80::1],ssh://Ada@[FE80::2]:22")
    ]
    assert hosts == ["MyPi", "MyPi", "FE80::1", "FE80::2"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pi@board1", "is no board; write ssh://USER@HOST"),
        ("http://board1", "is no board"),
        ("ssh://", "is no board"),
        ("ssh://board1/home", "is no board"),
        ("ssh://board1:port", "Port could not be cast"),
        ("../x=ssh://board1", "is no name for a record"),
        ("a=ssh://one,a=ssh://two", "names two boards 'a'"),
        ("ssh://one,board-1=ssh://two", "names two boards 'board-1'"),
        ("a=ssh://ada@one,b=ssh://one", "names one twice"),
        ("my board=ssh://one", "is no name for a record"),
        ("", "is no board"),
    ],
)
def test_what_is_no_address_is_said(text: str, said: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_addresses(text)
    assert said in str(caught.value)


def test_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(TargetError, match="holds a password") as caught:
        parse_addresses("ssh://pi:secret@board1")
    assert "secret" not in str(caught.value)
