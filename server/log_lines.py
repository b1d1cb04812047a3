"""The process's own log: one line of JSON for each thing worth knowing, ours and the libraries'."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO, cast

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


class Unhindered:
    """A file that may be full or gone: what cannot be noted down is lost, and whoever works goes on working.

    The log often lies on the disk whose being full it has to tell of.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except (OSError, ValueError):
            return 0

    def flush(self) -> None:
        try:
            self._file.flush()
        except (OSError, ValueError):
            pass


def log_to_stderr() -> None:
    """Standard output stays for answers. Each visit of a socket is a figure of /metrics, not a line here."""
    as_json = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*_SHARED, as_json],
        logger_factory=structlog.PrintLoggerFactory(_paper()),
    )
    lines = logging.StreamHandler(_paper())
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, as_json],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[lines], force=True)


def _paper() -> TextIO:
    return cast(TextIO, Unhindered(sys.stderr))
