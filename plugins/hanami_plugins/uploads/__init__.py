"""Files that clients send in pieces over a websocket. What a file is for is known to the plugin that asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hanami_core import hookimpl
from hanami_core.checks import Check, Finding
from hanami_core.runtime import Runtime
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting
from hanami_core.sockets import SocketTarget
from hanami_core.storage.database import Record
from hanami_plugins.uploads.models import Upload
from hanami_plugins.uploads.received import Receiver
from hanami_plugins.uploads.service import (
    CleanUp,
    FileProgress,
    complete,
    create_upload,
    discard,
    discard_idle,
    leading,
    missing,
    open_upload,
    orphans,
    path,
    progress,
    receive,
    touch,
    upload_for,
    uploads_of,
)
from hanami_plugins.uploads.session import FileUploadTarget

CLEAN_UP_SECONDS = 600.0
"""Most seconds between two looks at uploads that were abandoned."""

__all__ = [
    "FileProgress",
    "Receiver",
    "Upload",
    "complete",
    "create_upload",
    "discard",
    "discard_idle",
    "leading",
    "missing",
    "open_upload",
    "path",
    "progress",
    "receive",
    "touch",
    "upload_for",
    "uploads_of",
]


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how long an upload may pause, and how many there may be."""
    return [
        Setting("uploads.timeout", float, 86_400.0, "Seconds without data after which an upload is discarded", 1.0),
        Setting("uploads.open", int, 100, "Files that one user may have announced but not finalised", 1),
    ]


@hookimpl
def hanami_models() -> Iterable[type[Record]]:
    """Add the table of uploads."""
    return [Upload]


@hookimpl
def hanami_schedules(runtime: Runtime) -> list[Schedule]:
    """Clean up after uploads that were abandoned or cut off."""
    seconds = min(CLEAN_UP_SECONDS, runtime.settings["uploads.timeout"] / 4)
    return [Schedule("uploads.clean_up", seconds, CleanUp(seconds))]


@hookimpl
def hanami_checks(runtime: Runtime) -> list[Check]:
    """Look for files of uploads that do not exist."""

    def unknown_files() -> Iterator[Finding]:
        for file in orphans(runtime):
            yield Finding(f"upload {file.name}", "no upload is known for this file", (file,))

    return [Check("files of uploads", unknown_files)]


@hookimpl
def hanami_socket_targets() -> list[SocketTarget]:
    """Add the target ``file_upload``."""
    return [FileUploadTarget()]
