"""The one exception tree of the SDK. It knows neither HTTP nor websockets.

HanamiException                       every error that the SDK raises on purpose
├── BadRequestException               400  a field or a file breaks a rule
├── UnauthorizedException             401  no valid login, or not allowed
├── NotFoundException                 404  does not exist, or is not visible to the caller
├── ConflictException                 409  contradicts what is there
├── InternalServerErrorException      500  the reason stands in the log of the server
├── ConnectionFailedException         no answer: refused, broken off, TLS refused, or nothing came in time
├── UploadException                   the server refused a part of a file, or lost the upload
├── DirectIOException                 the network refused a message of direct IO; the connection stays usable
├── TaskFailedException               a task ended without being finished
└── WaitTimeoutException              a task or an upload did not end within the time allowed

An answer with any other status raises `HanamiException` itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hanami_sdk._models import Task

__all__ = [
    "BadRequestException",
    "ConflictException",
    "ConnectionFailedException",
    "DirectIOException",
    "HanamiException",
    "InternalServerErrorException",
    "NotFoundException",
    "TaskFailedException",
    "UnauthorizedException",
    "UploadException",
    "WaitTimeoutException",
    "from_status",
]


class HanamiException(Exception):
    """Base of all errors of the SDK.

    Args:
        message: what the server or the SDK has to say. Text is kept as UTF-8.
        status: HTTP status of the answer; None takes that of the class.

    Attributes:
        message: the text as `bytes`, the way the released SDKs give it. `str(error)` is the same as text.
        status: HTTP status of the answer, None if the error did not come with one.
        is_busy: the same call, sent before, is still being carried out; its answer can be had later.
    """

    status: int | None = None
    is_busy = False

    def __init__(self, message: bytes | str = b"", status: int | None = None) -> None:
        super().__init__(message)
        self.message = message.encode() if isinstance(message, str) else message
        if status is not None:
            self.status = status

    def __str__(self) -> str:
        """Return the message as text, or the status if there is no message."""
        text = self.message.decode(errors="replace")
        if text or self.status is None:
            return text
        return f"the server answered with status {self.status}"


class BadRequestException(HanamiException):
    """A field, a body or a file breaks a rule of the server (400)."""

    status = 400


class UnauthorizedException(HanamiException):
    """No valid login, or the user may not do this (401)."""

    status = 401


class NotFoundException(HanamiException):
    """The resource does not exist or is not visible to the caller (404)."""

    status = 404


class ConflictException(HanamiException):
    """The request conflicts with the current state, such as a name that is taken (409)."""

    status = 409


class InternalServerErrorException(HanamiException):
    """The server failed; its log has the reason (500)."""

    status = 500

    def __init__(self, message: bytes | str = b"", status: int | None = None) -> None:
        super().__init__(message or "Server internal error appeared.", status)


class ConnectionFailedException(HanamiException):
    """No answer: refused, broken off, TLS refused, or nothing came within the time-out."""


class UploadException(HanamiException):
    """The server refused a part of a file, or lost the upload."""


class DirectIOException(HanamiException):
    """The network refused a message of direct IO. The connection stays usable."""


class TaskFailedException(HanamiException):
    """A task ended without being finished.

    Args:
        message: what happened.
        task: the task in its last state, None if it is not known.
    """

    def __init__(self, message: bytes | str = b"", task: Task | None = None) -> None:
        super().__init__(message)
        self.task = task


class WaitTimeoutException(HanamiException):
    """A task or an upload did not end in time. It continues on the server."""


_BY_STATUS: dict[int, type[HanamiException]] = {
    400: BadRequestException,
    401: UnauthorizedException,
    404: NotFoundException,
    409: ConflictException,
    500: InternalServerErrorException,
}


def from_status(status: int, message: bytes) -> HanamiException:
    """Return the exception for an unsuccessful answer.

    Args:
        status: HTTP status of the answer.
        message: body of the answer.
    """
    return _BY_STATUS.get(status, HanamiException)(message, status)
