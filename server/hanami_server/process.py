"""The command line by which the supervisor starts the other processes of a server.

Owns its options at both ends: `arguments` writes what `parse` reads. Must not know what the processes do.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from hanami_server import privacy, process_control

__all__ = ["BEAT", "READY", "HttpLimits", "Launch", "Options", "announce", "arguments", "parse"]

READY, BEAT = b"+", b"."
LONGEST_BEAT = 5.0
"""Most seconds between two signs of life of a process that is ready."""
BEATS = 4
"""Signs of life that a process gives in the time after which its silence means that it hangs."""


class HttpLimits(msgspec.Struct, frozen=True):
    """What the api needs to know before it loads any plugin."""

    workers: int
    threads: int
    timeout: float
    handler_timeout: float
    max_body: int
    streams: int
    connections: int
    proxies: str = ""


class Launch(msgspec.Struct, frozen=True):
    """A process that a plugin has declared; see `hanami_core.processes.Process`."""

    name: str
    target: str
    command: tuple[str, ...]
    ready: float


class Options(msgspec.Struct, frozen=True):
    """How a process was started.

    Attributes:
        data_dir: the server's data directory.
        log_level: what is logged.
        flags: settings from the command line of the server.
        parent: process without which this one ends, or None.
        ready: descriptor to which a byte is written when the process is ready, or None.
        host: compute host of a sidecar.
        listener: descriptor of the listening socket of the api.
        http: limits of the api.
        process: what a process of a plugin is to run.
        secrets: whether settings that nobody else may see come on the standard input.
        silence: seconds without a sign of life after which the process counts as hung.
    """

    data_dir: Path
    log_level: str = "info"
    flags: dict[str, str] = {}
    parent: int | None = None
    ready: int | None = None
    host: str | None = None
    listener: int | None = None
    http: HttpLimits | None = None
    process: Launch | None = None
    secrets: bool = False
    silence: float = 20.0


def arguments(options: Options) -> list[str]:
    """Return `options` as a command line."""
    texts = ["--data-dir", str(options.data_dir), "--log-level", options.log_level, "--silence", str(options.silence)]
    for name in ("parent", "ready", "host", "listener"):
        value = getattr(options, name)
        if value is not None:
            texts += [f"--{name}", str(value)]
    for name in ("http", "process"):
        value = getattr(options, name)
        if value is not None:
            texts += [f"--{name}", msgspec.json.encode(value).decode()]
    texts += ["--secrets"] if options.secrets else []
    return texts + [f"--set={name}={value}" for name, value in options.flags.items()]


def parse(argv: list[str]) -> Options:
    """Return the options of this process, bind it to its parent, and keep it from others."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--silence", type=float, default=20.0)
    parser.add_argument("--parent", type=int)
    parser.add_argument("--ready", type=int)
    parser.add_argument("--host")
    parser.add_argument("--listener", type=int)
    parser.add_argument("--http", type=lambda text: msgspec.json.decode(text, type=HttpLimits))
    parser.add_argument("--process", type=lambda text: msgspec.json.decode(text, type=Launch))
    parser.add_argument("--set", action="append", default=[], dest="flags")
    parser.add_argument("--secrets", action="store_true")
    found = parser.parse_args(argv)
    if found.parent is not None:
        process_control.die_with(found.parent)
        privacy.seclude()
    values = vars(found) | {"flags": _split(found.flags) | (_read_secrets() if found.secrets else {})}
    return Options(**values)


def _read_secrets() -> dict[str, str]:
    """Read settings from the standard input, which holds nothing afterwards, also for children."""
    with open(0, "rb", closefd=False) as given:
        secrets = msgspec.json.decode(given.read(), type=dict[str, str])
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return secrets


def _split(texts: list[str]) -> dict[str, str]:
    """Return ``name=value`` texts as a mapping."""
    pairs: Mapping[str, tuple[str, str, str]] = {text: text.partition("=") for text in texts}
    return {name: value for name, _, value in pairs.values()}


def announce(options: Options) -> None:
    """Tell the supervisor that this process is ready, and from now on that it lives.

    The signs of life come from a thread of their own: they end when the process is stopped, or when something holds
    the interpreter. Whether it does its work is for itself to find out.
    """
    if options.ready is not None:
        with contextlib.suppress(OSError):
            os.write(options.ready, READY)
        pause = min(options.silence / BEATS, LONGEST_BEAT)
        threading.Thread(target=_beat, args=(options.ready, pause), name="beat", daemon=True).start()


def _beat(descriptor: int, pause: float) -> None:
    with contextlib.suppress(OSError):  # the supervisor is gone, and this process follows it
        while True:
            os.write(descriptor, BEAT)
            time.sleep(pause)
