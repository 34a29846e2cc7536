"""How clients of Backend.AI name what this server has: users and groups by UUIDs, the only one of its kind `default`.

UUIDs follow from the names, so that they are the same in all processes and after each restart.
"""

from __future__ import annotations

import uuid
from functools import lru_cache

from hanami_plugins import users

__all__ = ["DEFAULT", "group_uuid", "user_uuid"]

DEFAULT = "default"
"""Name of the only group of hosts, and of the only domain."""

NAMESPACE = uuid.UUID("5f0f6a3e-6d5b-5c0e-9f3a-2f1d7c1e9b64")
MOST_KEPT = 1 << 14


@lru_cache(MOST_KEPT)
def user_uuid(user_id: str) -> str:
    """Return the UUID of a user."""
    return users.user_uuid(user_id)


@lru_cache(MOST_KEPT)
def group_uuid(project_id: str) -> str:
    """Return the UUID of a group, which is a project here."""
    return str(uuid.uuid5(NAMESPACE, f"group/{project_id}"))
