import pytest

from results.report.words import in_plot, seen, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot read /home/alice/nets/a.onnx: no such file", "cannot read a.onnx: no such file"),
        ("'C:\\Users\\alice\\nets\\a.onnx' is missing", "'a.onnx' is missing"),
        (
            "AMD EPYC 7B13 @ 2.5 GHz, images/s and time / anchor's",
            "AMD EPYC 7B13 @ 2.5 GHz, images/s and time / anchor's",
        ),
        ("net\u202eelbaton", "net\\u202eelbaton"),
        ("https://example.org/a/b", "https://example.org/a/b"),
    ],
)
def test_text_is_shown_without_folders_and_with_all_its_signs(text: str, shown: str) -> None:
    assert seen(text) == shown


def test_a_plots_text_holds_no_tags_of_others() -> None:
    assert in_plot("<a href='x'>&") == "&lt;a href='x'&gt;&amp;"
    assert in_plot("one two three", width=8) == "one two<br>three"


def test_of_many_names_the_first_are_listed() -> None:
    assert shortened(["a", "b"]) == "a, b"
    assert shortened([f"n{i}" for i in range(15)]).endswith("n11 and 3 more")
