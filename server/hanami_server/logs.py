"""What the processes of a server write to stderr: one JSON line an event, or readable lines on a terminal.

Owns the format and the removal of secrets. Must not know what is logged. Everything goes through the standard
`logging`, so that core, plugins and libraries need not know structlog.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["configure", "hide_secrets", "redact", "without_secrets"]

HIDDEN = "***"
_SECRET_NAME = re.compile(r"token|passphrase|password|secret|authorization", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"""(token|passphrase|password|secret_key)(["']?\s*[:=]\s*["']?)([^\s"',;&}\])]+)""", re.IGNORECASE
)

Event = MutableMapping[str, Any]


def configure(level: str, process: str) -> None:
    """Set up logging of this process.

    Args:
        level: debug, info, warning or error.
        process: what this process is, for example ``api``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_readable(process) if sys.stderr.isatty() else Lines(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("websockets", "asyncio", "peewee"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class Lines(logging.Formatter):
    """Makes one JSON line of each event."""

    def __init__(self, process: str) -> None:
        """Name the process that the events are from."""
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of an event, without secrets."""
        event: dict[str, Any] = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "process": self._process,
        }
        if record.stack_info:
            event["stack_info"] = record.stack_info
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(redact(None, event["level"], event), default=str)


_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


def _readable(process: str) -> logging.Formatter:
    """Return what makes readable lines; structlog, which is only needed for them, takes its time to load."""
    import structlog

    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {**event, "process": process},
    ]
    # The traceback is rendered before the secrets go, so that both forms are free of them.
    rendering: list[Any] = [structlog.processors.format_exc_info, redact, structlog.dev.ConsoleRenderer()]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )


def redact(_logger: object, _method: str, event: Event) -> Event:
    """Replace the values of fields that hold secrets, and what looks like a secret inside of texts."""
    return {name: _clean(name, value) for name, value in event.items()}


def _clean(name: str, value: object) -> Any:
    if _SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, dict):
        return {key: _clean(str(key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean("", item) for item in value]
    return hide_secrets(value) if isinstance(value, str) else value


def hide_secrets(text: str) -> str:
    """Replace what looks like a secret inside of a text."""
    return _SECRET_TEXT.sub(rf"\1\2{HIDDEN}", text)


def without_secrets(values: Mapping[str, object]) -> dict[str, Any]:
    """Return values without those whose name tells that they are secret."""
    return {name: _clean(name, value) for name, value in values.items() if not _SECRET_NAME.search(name)}
