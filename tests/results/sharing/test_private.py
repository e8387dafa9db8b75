import pytest

from results.sharing.private import FAILED, FOLDER, file_name, texts_of, without_places, without_private, words_in


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("cannot read /home/alice/net.onnx", "cannot read net.onnx"),
        ("'/home/alice smith/a net.onnx' is damaged", "'a net.onnx' is damaged"),
        (r"C:\Users\alice\net.onnx", "net.onnx"),
        (r"\\server\share\net.onnx", "net.onnx"),
        ("~/models/best.pth", "best.pth"),
        ("~alice/best.pth", "best.pth"),
        ("../secret/mine.py:net", "mine.py:net"),
        ("file:///home/alice/net.onnx", "net.onnx"),
        ("see (/home/bob/a.py:12)", "see (a.py:12)"),
        ("/home/alice", FOLDER),
        ("/home/alice.smith", FOLDER),
        ("/srv/data/", FOLDER),
    ],
)
def test_a_place_is_reduced_to_a_name(text: str, left: str) -> None:
    assert without_places(text) == left


@pytest.mark.parametrize(
    "text",
    ["Linux 6.1.0-13", "onnxruntime 1.2/3", "AMD EPYC", "mine.py:net(width=4)", "best.pth (sha256 abc)", "images/s"],
)
def test_other_texts_stay(text: str) -> None:
    assert without_places(text) == text


def test_texts_are_looked_at_wherever_they_stand_but_names_that_a_model_gives_stay() -> None:
    record = {
        "options": {"/home/alice/key": ["/home/alice/x.bin", 3, None]},
        "inputs": [{"name": "/stem/conv/input", "dtype": "/home/alice/x.bin"}],
        "failure": "broke in secret/alice",
    }
    found = without_private(record)
    assert found["options"] == {FOLDER: ["x.bin", 3, None]}
    assert found["inputs"] == [{"name": "/stem/conv/input", "dtype": "x.bin"}]
    assert found["failure"] == FAILED
    assert "/stem/conv/input" in texts_of(found)


def test_words_are_found_as_whole_words() -> None:
    assert words_in(["alice_net", "malice", "Alice's", "x"], ["alice", "bob"]) == {"alice": ["alice_net", "Alice's"]}


def test_a_path_of_any_system_is_reduced_to_its_last_name() -> None:
    assert [file_name(path) for path in ("a/b.onnx", r"C:\x\b.onnx", "b.onnx", "p.mlpackage/")] == [
        "b.onnx",
        "b.onnx",
        "b.onnx",
        "p.mlpackage",
    ]
