import json

import pytest

from results.tables.visible import as_csv, as_latex, as_markdown, as_markdown_line, visible, visible_json


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("esc\x1b[31m", r"esc\x1b[31m"),
        ("two\nlines\r\tand\x00", r"two\nlines\r\tand\x00"),
        ("del\x7f c1\x9b", r"del\x7f c1\x9b"),
        ("rtl\u202egnp.exe", r"rtl\u202egnp.exe"),
        ("\u2066a\u2069\u200e\u200f", r"\u2066a\u2069\u200e\u200f"),
        ("zero\u200b\u200d\ufeffwidth", r"zero\u200b\u200d\ufeffwidth"),
        ("line\u2028paragraph\u2029", r"line\u2028paragraph\u2029"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("byte\udcff", r"byte\udcff"),
    ],
)
def test_what_is_not_seen_is_an_escape(text: str, seen: str) -> None:
    assert visible(text) == seen
    assert seen.isprintable()


@pytest.mark.parametrize(
    "text", ["efficientmod_xxs", "é 漢字² µs ≈ 1\u00a0000", "wide\u3000space", r"C:\new\table.onnx", "🙂"]
)
def test_the_letters_signs_and_spaces_of_any_language_stay(text: str) -> None:
    assert visible(text) == text


def test_json_is_exact_and_shows_nothing_raw() -> None:
    value = ["\x1b\n\x7f\x9b\u202e\u200b\U000e0041 é漢²", {"a": 1}]
    text = visible_json(value)
    assert json.loads(text) == value
    assert all(char.isprintable() for line in text.split("\n") for char in line)
    assert "é漢²" in text


@pytest.mark.parametrize("text", ["=cmd()", "+1", "@SUM(A1)", "-x", "-1+2", "＝1", "＠a"])
def test_no_spreadsheet_takes_text_for_a_formula(text: str) -> None:
    assert as_csv(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-1.5", "a=b", -1.5, None, "efficientmod_xxs"])
def test_numbers_and_plain_names_stay_as_they_are_in_csv(value: object) -> None:
    assert as_csv(value) == value


def test_a_tab_or_a_line_end_begins_no_cell_of_csv() -> None:
    assert as_csv("\t=1") == r"\t=1"
    assert as_csv("\r=1") == r"\r=1"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", r"a\|b"),
        (r"a\|b", r"a\\\|b"),
        ("*x* `y` <b> [l](u) ~z~ $m$", r"\*x\* \`y\` \<b> \[l\](u) \~z\~ \$m\$"),
        ("_x_ efficientmod_xxs", r"\_x\_ efficientmod_xxs"),
        ("&lt; A & B", r"\&lt; A & B"),
        ("a\nb", r"a\\nb"),
    ],
)
def test_markdown_takes_a_name_for_text(text: str, written: str) -> None:
    assert as_markdown(text) == written


def test_a_line_of_markdown_begins_no_heading_or_list() -> None:
    assert [as_markdown_line(text) for text in ("# x", "- x", "> x", "x")] == [r"\# x", r"\- x", r"\> x", "x"]


def test_latex_takes_a_name_for_text() -> None:
    assert as_latex(r"a_b & 5% $x$ {y} \z ^ ~ # <|>") == (
        r"a\_b \& 5\% \$x\$ \{y\} \textbackslash{}z \textasciicircum{} \textasciitilde{} \# "
        r"\textless{}\textbar{}\textgreater{}"
    )
    assert as_latex("[2em]--x") == "{[}2em]-{}-x"
    assert as_latex("a\n\\end") == r"a\textbackslash{}n\textbackslash{}end"
