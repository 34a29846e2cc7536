"""The websocket target ``file_upload``: a message for each piece of a file, an answer for each message."""

from __future__ import annotations

import logging

from hanami_core.access import ANY_ROLE, Access, Action
from hanami_core.runtime import Runtime
from hanami_core.sockets import SocketConnection, SocketTarget
from hanami_core.storage.failures import in_words, storage_failure
from hanami_plugins.uploads.messages import SUCCESS, failure, read_piece
from hanami_plugins.uploads.received import Receiver
from hanami_plugins.uploads.service import open_upload

INVALID = "Got invalid FileUpload-Message"
NOT_WRITTEN = "Failed to write data to disc"

log = logging.getLogger("hanami.uploads")


class UploadSession:
    """A socket that sends one file. A refused piece leaves the socket usable."""

    def __init__(self, receiver: Receiver) -> None:
        """Write to a receiver."""
        self._receiver = receiver
        self._reported = False

    def receive(self, message: bytes | str) -> bytes:
        """Write the piece in a message and acknowledge it."""
        piece = read_piece(message)
        if piece is None:
            return failure(INVALID)
        try:
            self._receiver.write(piece.position, piece.data)
        except ValueError:
            return failure(NOT_WRITTEN)
        except OSError as error:
            self._report(error)
            found = storage_failure(error)
            return failure(NOT_WRITTEN if found is None else f"{NOT_WRITTEN}: {in_words(found)}")
        return SUCCESS

    def _report(self, error: OSError) -> None:
        """Log the first failure only: a client that goes on sending must not fill the log of a full disk."""
        if not self._reported:
            log.warning("piece not written", extra={"reason": str(error)})
        self._reported = True

    def close(self) -> None:
        """Sync and close the file."""
        self._receiver.close()


class FileUploadTarget(SocketTarget):
    """Opens uploads for those who created them, in the project in which they did."""

    name = "file_upload"
    blocking = True
    # Which call announced an upload, and so which roles may send it, depends on its format; whoever has announced one
    # was allowed to. So no policy file is asked again, but rules of other plugins are.
    action = Action("uploads.send", "PUT", "", "write", (ANY_ROLE,))

    def open(self, runtime: Runtime, access: Access, uuid: str, connection: SocketConnection) -> UploadSession:
        """Open the file of an upload."""
        return UploadSession(open_upload(runtime, access, uuid))
