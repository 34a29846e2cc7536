"""What the processes of a server write to stderr: one JSON line an event, or readable lines on a terminal.

Owns the format and the removal of secrets. Must not know what is logged. Everything goes through the standard
`logging`, so that core, plugins and libraries need not know structlog.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

__all__ = ["configure", "hide_secrets", "redact", "without_secrets"]

HIDDEN = "***"
_SECRET_NAME = re.compile(r"token|passphrase|password|secret|authorization", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"""(token|passphrase|password)(["']?\s*[:=]\s*["']?)([^\s"',;&}\])]+)""", re.IGNORECASE)

Event = MutableMapping[str, Any]


def configure(level: str, process: str) -> None:
    """Set up logging of this process.

    Args:
        level: debug, info, warning or error.
        process: what this process is, for example ``api``.
    """
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {**event, "process": process},
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering()],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("websockets", "asyncio", "peewee"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _rendering() -> list[Any]:
    if sys.stderr.isatty():
        # The traceback is rendered before the secrets go, so that both forms are free of them.
        return [structlog.processors.format_exc_info, redact, structlog.dev.ConsoleRenderer()]
    return [structlog.processors.format_exc_info, redact, structlog.processors.JSONRenderer(default=str)]


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """Replace the values of fields that hold secrets, and what looks like a secret inside of texts."""
    return {name: _clean(name, value) for name, value in event.items()}


def _clean(name: str, value: Any) -> Any:
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


def without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values without those whose name tells that they are secret."""
    return {name: _clean(name, value) for name, value in values.items() if not _SECRET_NAME.search(name)}
