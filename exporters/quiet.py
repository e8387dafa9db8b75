"""Other libraries narrate; what matters of it is in their exceptions."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr


@contextmanager
def quiet(*loggers: str) -> Iterator[None]:
    """Let neither warnings nor these loggers be heard, nor what Python code prints on standard error."""
    silenced = [logging.getLogger(name) for name in loggers]
    levels = [logger.level for logger in silenced]
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):  # torch prints the graph that it gives up on
        warnings.simplefilter("ignore")
        for logger in silenced:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(silenced, levels, strict=True):
                logger.setLevel(level)
