"""A plugin for one test: notes when the thread of a sidecar's event loop touches a file or the database, or sleeps.

It begins when the file `audit` appears in the data directory, which `audit.begun` acknowledges, and tells what it has
found in `audit.json` when that file is gone again. What the interpreter raises no audit event for is wrapped.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hanami_core import hookimpl
from hanami_core.access import ANY_ROLE, Access, Action
from hanami_core.runtime import Runtime
from hanami_core.sockets import SocketConnection, SocketTarget

EVENTS = {"open", "sqlite3.connect", "time.sleep", "subprocess.Popen"}
EVENTS |= {f"os.{name}" for name in ("rename", "remove", "mkdir", "rmdir", "listdir", "scandir", "truncate", "chmod")}
WRAPPED = ("pwrite", "fsync", "fdatasync", "ftruncate", "fstat")
POLL_SECONDS = 0.01


class Audit:
    """Notes what happens in the thread of a running event loop."""

    def __init__(self) -> None:
        self.on = self.noting = False
        self.found: list[str] = []
        self.calls = 0

    def note(self, what: str) -> None:
        """Note something, if this is the thread of a loop."""
        if self.on and not self.noting and asyncio._get_running_loop() is not None:
            self.noting = True  # telling where needs files itself
            self.found.append(what + "\n" + "".join(traceback.format_stack(limit=12)))
            self.noting = False

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Be called for every event of the interpreter."""
        if event in EVENTS:
            self.note(f"{event} {arguments[:1]}")

    def wrap(self, owner: Any, name: str) -> None:
        """Note every call of a function."""
        original: Callable[..., Any] = getattr(owner, name)

        def wrapper(*args: Any, **options: Any) -> Any:
            self.calls += self.on
            self.note(f"{name} {args[:1]}")
            return original(*args, **options)

        setattr(owner, name, wrapper)

    def tell(self, directory: Path) -> None:
        """Follow the orders of a test."""
        order, begun, report = (directory / name for name in ("audit", "audit.begun", "audit.json"))
        while True:
            time.sleep(POLL_SECONDS)
            if order.exists() and not self.on:
                self.on, self.found, self.calls = True, [], 0
                begun.touch()
            elif self.on and not order.exists():
                self.on = False
                begun.write_text(json.dumps({"found": self.found, "calls": self.calls}))
                begun.rename(report)


class Careless(SocketTarget):
    """A target whose sessions do what they must not."""

    name = "audited"
    action = Action("audited.open", "PUT", "", "write", (ANY_ROLE,))

    def open(self, runtime: Runtime, access: Access, uuid: str, connection: SocketConnection) -> Careless.Session:
        """Open a session."""
        return self.Session(runtime)

    class Session:
        """Writes a file and asks the database."""

        def __init__(self, runtime: Runtime) -> None:
            self.runtime = runtime

        def receive(self, message: bytes | str) -> bytes:
            """Do it in the event loop."""
            (self.runtime.settings.data_dir / "careless").write_text("x")
            self.runtime.database.driver.execute_sql("SELECT 1")
            return b"written"

        def close(self) -> None:
            """Do nothing."""


@hookimpl
def hanami_socket_targets() -> list[SocketTarget]:
    """Add a target that the audit must find."""
    return [Careless()]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """In a sidecar, begin to listen."""
    if runtime.role == "sidecar":
        audit = Audit()
        sys.addaudithook(audit.hook)
        audit.wrap(runtime.database.driver, "execute_sql")
        for name in WRAPPED:
            audit.wrap(os, name)
        threading.Thread(target=audit.tell, args=(runtime.settings.data_dir,), daemon=True).start()
