"""The page's templates. What they are filled with is text, escaped; HTML is only what a template gave."""

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from results.report.words import seen

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """A template, filled: HTML, which another template takes as such."""
    from markupsafe import Markup

    return Markup(_environment().get_template(template).render(**values))


def joined(parts: Iterable[str]) -> str | None:
    """What templates gave, one after the other; None for nothing at all."""
    from markupsafe import Markup

    return Markup().join(parts) or None


@functools.cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("results.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _finalize(value: Any) -> Any:
    from markupsafe import Markup

    return seen(value) if isinstance(value, str) and not isinstance(value, Markup) else value
