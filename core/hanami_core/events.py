"""What happens in a server, as plugins observe it with the hook ``hanami_event``.

Events tell, they ask nothing: whoever observes one cannot change or refuse what it tells of. Which events there are is
known here; what becomes of them is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hanami_core.access import Actor

__all__ = [
    "CallAllowed",
    "CallFailed",
    "CheckpointSaved",
    "ClusterCreated",
    "ClusterDeleted",
    "DatasetReady",
    "Event",
    "LoginFailed",
    "LoginSucceeded",
    "PluginBroken",
    "ProjectDeleted",
    "TaskEnded",
    "UserDeleted",
]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. `name` is ``noun.verb``; `actor` did it, None if nobody was logged in yet."""

    name: ClassVar[str] = ""
    actor: Actor | None


@dataclass(frozen=True, kw_only=True)
class CallAllowed(Event):
    """A permitted call of a logged-in user that may change something; its fields are not checked yet.

    `endpoint` is what policies call it, `method` the HTTP method.
    """

    name: ClassVar[str] = "call.allowed"
    endpoint: str
    method: str


@dataclass(frozen=True, kw_only=True)
class CallFailed(Event):
    """A call ended with an internal error.

    `component` is the action that failed, `context` the method and endpoint. `input_values` are the fields of the call
    without secrets. `message` contains the number that the client received.
    """

    name: ClassVar[str] = "call.failed"
    component: str
    context: str
    input_values: Mapping[str, Any] = field(default_factory=dict)
    message: str


# ---------------------------------------------------------------------------------------------------------------------
# What became of things. Told with `Runtime.emit` after the commit of what they tell of, by the process that did it.
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ResourceEvent(Event):
    """Something happened to the resource `uuid` of a user in a project."""

    uuid: str
    owner_id: str
    project_id: str


@dataclass(frozen=True, kw_only=True)
class DatasetReady(ResourceEvent):
    """A dataset has its table: its upload was decoded, or a task wrote it."""

    name: ClassVar[str] = "dataset.ready"


@dataclass(frozen=True, kw_only=True)
class TaskEnded(ResourceEvent):
    """A task ended. ``state`` is ``finished``, ``failed`` with the reason in ``error``, or ``aborted``."""

    name: ClassVar[str] = "task.ended"
    kind: str
    partition: str
    state: str
    error: str


@dataclass(frozen=True, kw_only=True)
class ClusterCreated(ResourceEvent):
    """A cluster was created."""

    name: ClassVar[str] = "cluster.created"


@dataclass(frozen=True, kw_only=True)
class ClusterDeleted(ResourceEvent):
    """A cluster was deleted. A task that survives this, such as saving it, may still be open."""

    name: ClassVar[str] = "cluster.deleted"


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(ResourceEvent):
    """The state of the cluster `cluster_uuid` was saved as a checkpoint; the uuid is empty for an uploaded one."""

    name: ClassVar[str] = "checkpoint.saved"
    cluster_uuid: str


@dataclass(frozen=True, kw_only=True)
class LoginSucceeded(Event):
    """A user logged in with a secret; `address` is where the login came from, empty if unknown."""

    name: ClassVar[str] = "login.succeeded"
    user_id: str
    address: str


@dataclass(frozen=True, kw_only=True)
class LoginFailed(Event):
    """A login failed. The user `user_id` need not exist; `code` is that of the error."""

    name: ClassVar[str] = "login.failed"
    user_id: str
    address: str
    code: str


@dataclass(frozen=True, kw_only=True)
class UserDeleted(Event):
    """A user was deleted."""

    name: ClassVar[str] = "user.deleted"
    user_id: str


@dataclass(frozen=True, kw_only=True)
class ProjectDeleted(Event):
    """A project was deleted."""

    name: ClassVar[str] = "project.deleted"
    project_id: str


@dataclass(frozen=True, kw_only=True)
class PluginBroken(Event):
    """A plugin does not work in this process, or works only partly: `state` and `reason` are those of the plugin."""

    name: ClassVar[str] = "plugin.broken"
    plugin: str
    state: str
    reason: str
