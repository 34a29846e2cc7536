"""The one error tree. Whoever finds a fault raises; an `Api` (`hanami_core.http.api`) renders.

HanamiError
├── ClientError                    the caller can do something about it
│   ├── BadRequest            400  a field, a body or a file breaks a rule
│   │   ├── InvalidFile       400  an uploaded file breaks a rule of its format
│   │   ├── TaskError         400  a task cannot be done; it keeps the reason
│   │   └── TemplateError     400  the template of a cluster breaks a rule
│   ├── Unauthorized          401  no valid credential
│   ├── Forbidden             403  not allowed to whoever asks
│   ├── NotFound              404  does not exist, or is not visible to the caller
│   ├── MethodNotAllowed      405  the path has no such method
│   ├── Conflict              409  contradicts what is there
│   ├── PreconditionFailed    412  a condition of the request does not hold
│   ├── TooLarge              413  the body is larger than the route takes
│   ├── UnsupportedMedia      415  the body is of a kind that the route does not read
│   ├── Unprocessable         422  well-formed, but it cannot be done
│   └── TooManyRequests       429  tried too often; `retry_after` tells when to try again
├── ServiceError                   the caller can only wait or tell the operator
│   ├── InternalError         500  a defect; `identity` stands in the log
│   ├── Unavailable           503  not now; `retry_after` tells when to try again
│   └── InsufficientStorage   507  no room for what would be stored
├── CorruptFile                    a stored file is not what it claims to be
├── StoreMissing                   a blob lies in a store that no plugin brings
├── SettingsError                  a setting is unknown or has a wrong value
├── StartupError                   the server refuses to start, and says why
├── PluginError                    a plugin broke a rule of the plugin host
└── LeaseLost                      a worker lost its task to another one and must stop

An error that a client sees carries a *code* and parameters and no sentence, because every Api has its own words and
languages have theirs: ``NotFound("dataset_missing", uuid=uuid)``. A parser that explains a place and a rule, such as a
dataset format, passes its explanation as the code: an Api shows what it does not know as it is. A task that
fails keeps code and parameters of a visible error, so that each Api through which it is read has a sentence of its own.
"""

from __future__ import annotations

__all__ = [
    "BY_STATUS",
    "BadRequest",
    "ClientError",
    "Conflict",
    "CorruptFile",
    "Forbidden",
    "HanamiError",
    "InsufficientStorage",
    "InternalError",
    "InvalidFile",
    "LeaseLost",
    "MethodNotAllowed",
    "NotFound",
    "PluginError",
    "PreconditionFailed",
    "ServiceError",
    "SettingsError",
    "StartupError",
    "StoreMissing",
    "TaskError",
    "TemplateError",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unprocessable",
    "UnsupportedMedia",
    "VisibleError",
    "contained",
]


class HanamiError(Exception):
    """Base of all errors that Hanami raises on purpose.

    Args:
        code: what is wrong, as a single word such as ``dataset_missing``, or an explanation in a sentence.
        parameters: values for the text of the code, by name.
    """

    def __init__(self, code: str = "", /, **parameters: object) -> None:
        """Remember what is wrong."""
        super().__init__(code, parameters)
        self.code = code
        self.parameters = parameters

    def __str__(self) -> str:
        """Say it without the help of an Api, for logs and command lines."""
        if not self.parameters or " " in self.code:
            return self.code
        what = self.code.replace("_", " ")
        reason = self.parameters.get("reason")
        named = ", ".join(f"{name} {value}" for name, value in self.parameters.items() if name != "reason")
        return f"{what}{f' ({named})' if named else ''}{f': {reason}' if reason is not None else ''}"


class VisibleError(HanamiError):
    """An error that clients see, with `status`."""

    status = 500


class ClientError(VisibleError):
    """An error that the caller can fix."""

    status = 400


class BadRequest(ClientError):
    """A field, a body or a file breaks a rule."""


class InvalidFile(BadRequest):
    """An uploaded file breaks a rule of its format; the code names the file, the place and the rule in a sentence."""


class TaskError(BadRequest):
    """A task cannot be done, however often it is retried; the code says why, often in a sentence."""


class TemplateError(BadRequest):
    """The template of a cluster breaks a rule."""


class Unauthorized(ClientError):
    """There is no valid credential."""

    status = 401


class Forbidden(ClientError):
    """The caller is known, but not allowed to do this."""

    status = 403


class NotFound(ClientError):
    """The resource does not exist or is not visible to the caller."""

    status = 404


class MethodNotAllowed(ClientError):
    """The path exists, but not with this method."""

    status = 405


class Conflict(ClientError):
    """The request conflicts with the current state."""

    status = 409


class PreconditionFailed(ClientError):
    """A condition in the request does not hold."""

    status = 412


class TooLarge(ClientError):
    """The body is larger than the route accepts."""

    status = 413


class UnsupportedMedia(ClientError):
    """The body has a media type that the route does not accept."""

    status = 415


class Unprocessable(ClientError):
    """The request is well-formed, but cannot be fulfilled."""

    status = 422


class TooManyRequests(ClientError):
    """Too many attempts. The parameter `retry_after` says after how many seconds to try again."""

    status = 429


class ServiceError(VisibleError):
    """An error that is not the caller's fault."""


class InternalError(ServiceError):
    """A defect. The parameter `identity` is the number under which the log tells more."""


class Unavailable(ServiceError):
    """Not possible at the moment. The parameter `retry_after` says after how many seconds to try again."""

    status = 503


class InsufficientStorage(ServiceError):
    """There is no space to store the data."""

    status = 507


class CorruptFile(HanamiError):
    """A stored file is not what it claims to be."""


class StoreMissing(HanamiError):
    """A blob lies in a store that no installed plugin brings."""


class SettingsError(HanamiError):
    """A setting is unknown or has a wrong value."""


class StartupError(HanamiError):
    """The server refuses to start, and says why."""


class PluginError(HanamiError):
    """A plugin broke a rule of the plugin host."""


class LeaseLost(HanamiError):
    """A worker lost its task to another one and must stop at once."""


def contained(error: BaseException) -> Exception:
    """Return what a plugin has raised as an error that ends no thread, process or loop, as its `sys.exit` would."""
    if isinstance(error, Exception):
        return error
    return PluginError(f"{type(error).__name__}: {error}".removesuffix(": "))


BY_STATUS: dict[int, type[VisibleError]] = {
    kind.status: kind
    for kind in (
        BadRequest,
        Unauthorized,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        Conflict,
        PreconditionFailed,
        TooLarge,
        UnsupportedMedia,
        Unprocessable,
        TooManyRequests,
        InternalError,
        Unavailable,
        InsufficientStorage,
    )
}
"""The error of each status that there is."""
