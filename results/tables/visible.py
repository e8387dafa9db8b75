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
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "*": "{*}",  # so would this be the end of a page that must not be broken
    **{char: rf"\textsuperscript{{{number}}}" for number, char in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{char: rf"\textsuperscript{{{letter}}}" for char, letter in zip("ᵐᵖˢ", "mps", strict=True)},
    **{char: f"$_{number}$" for number, char in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    "≈": r"$\approx$",
    "≠": r"$\neq$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "−": "$-$",
    "→": r"$\rightarrow$",
    "∞": r"$\infty$",
    "Δ": r"$\Delta$",
    "σ": r"$\sigma$",
    "τ": r"$\tau$",
    "μ": r"\textmu{}",
}
# Those letters and signs between U+00A0 and U+017F that the fonts of LaTeX's encoding T1 lack.
_NOT_IN_T1 = frozenset("ĦħĸĿŀŉŦŧſ")
_PUNCTUATION = frozenset("‐‑‒–—‘’‚“”„†‡•…‰‹›€™")
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
    """Text for a cell of LaTeX's, with fonts of the encoding T1.

    A letter or sign that these lack, of Chinese say, stands there as its number: U+6F22.
    """
    quoted = re.sub(r"(?<!\w)'|'(?!\w)", "\0", visible(text))  # an apostrophe within a word is set as one
    signs = "".join(map(_latex_sign, quoted))
    return signs.replace("--", "-{}-").replace(",,", ",{},")  # which would be set as one sign each


def _latex_sign(char: str) -> str:
    if char == "\0":
        return r"\textquotesingle{}"
    if char in _LATEX:
        return _LATEX[char]
    if char.isascii() or char in _PUNCTUATION or ("\xa0" <= char <= "\u017f" and char not in _NOT_IN_T1):
        return char
    return " " if unicodedata.category(char) == "Zs" else f"U+{ord(char):04X}"


def _is_seen(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _as_json_escapes(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
