"""Text that others wrote, as it may be printed: it moves no cursor, hides nothing, turns nothing, breaks no row."""

import re
import unicodedata

import msgspec

_FORMULA = re.compile(r"[=+@＝＋＠－]|-(?!\d*\.?\d+$)")  # spreadsheets take the wide ones, too
_MARKUP = re.compile(r"[\\`*<|~$\[\]]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
_LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # at the beginning of a row it would be the space above it
}
_LINE = re.compile(r"^[#>+=-]")


def visible(text: str) -> str:
    r"""The text, with an escape such as \x1b or \u202e in the place of each character that is not seen.

    Those are control characters, what sets the direction of writing or has no width, line ends, and the bytes of a
    name that is no text. Letters, signs and spaces of any language stay.
    """
    if text.isprintable():
        return text
    return "".join(char if _is_seen(char) else char.encode("unicode_escape").decode() for char in text)


def visible_json(value: object) -> str:
    """One of our types as JSON, exact for a program: what is not seen is escaped as JSON does."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    if text.isascii() and "\x7f" not in text:
        return text
    # Below a space there are only the line ends between values: in texts they are escaped already.
    return "".join(char if char < " " or _is_seen(char) else _as_json_escapes(char) for char in text)


def as_csv(value: object) -> object:
    """A value for a cell of CSV: text is never taken for a formula."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if _FORMULA.match(text) else text


def as_markdown(text: str) -> str:
    """Text for a page of Markdown: it opens no cell, no link, no tag, and emphasises nothing."""
    return _MARKUP.sub(r"\\\g<0>", visible(text))


def as_markdown_line(text: str) -> str:
    """The same at the beginning of a line, where it opens no heading, list or quotation either."""
    return _LINE.sub(r"\\\g<0>", as_markdown(text))


def as_latex(text: str) -> str:
    """Text for a cell of LaTeX's."""
    return "".join(_LATEX.get(char, char) for char in visible(text)).replace("--", "-{}-")


def _is_seen(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _as_json_escapes(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
