"""The one error tree. Handlers raise, one place renders.

HanamiError
├── ClientError                 the caller can do something about it; its text is the answer
│   ├── BadRequest              400  a field or a file breaks a rule
│   │   └── TemplateError       400  the template of a cluster breaks a rule
│   ├── Unauthorized            401  no valid login, or not allowed
│   ├── NotFound                404  does not exist, or is not visible to the caller
│   └── Conflict                409  contradicts what is there
├── CorruptFile                 a stored or uploaded file is not what it claims to be
├── StoreMissing                a blob lies in a store that no plugin brings
├── SettingsError               a setting is unknown or has a wrong value
├── StartupError                the server refuses to start, and says why
├── PluginError                 a plugin broke a rule of the plugin host
└── LeaseLost                   a worker lost its task to another one and must stop
"""

from __future__ import annotations

__all__ = [
    "BadRequest",
    "ClientError",
    "Conflict",
    "CorruptFile",
    "HanamiError",
    "LeaseLost",
    "NotFound",
    "PluginError",
    "SettingsError",
    "StartupError",
    "StoreMissing",
    "TemplateError",
    "Unauthorized",
]


class HanamiError(Exception):
    """Base of all errors that Hanami raises on purpose."""


class ClientError(HanamiError):
    """An error whose text is sent to the client with `status`."""

    status = 400


class BadRequest(ClientError):
    """A field, a body or a file breaks a rule."""


class TemplateError(BadRequest):
    """The template of a cluster breaks a rule."""


class Unauthorized(ClientError):
    """No valid login, or not allowed. Released clients know no 403."""

    status = 401


class NotFound(ClientError):
    """The thing does not exist or is not visible to the caller."""

    status = 404


class Conflict(ClientError):
    """The request contradicts what is there."""

    status = 409


class CorruptFile(HanamiError):
    """A stored or uploaded file is not what it claims to be."""


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
