"""UUIDs of what this server calls by names: clients of Backend.AI know users and groups by UUIDs.

They follow from the names, so that they are the same in all processes and after each restart, and no table keeps them.
"""

from __future__ import annotations

import uuid
from functools import lru_cache

__all__ = ["group_uuid", "user_uuid"]

NAMESPACE = uuid.UUID("5f0f6a3e-6d5b-5c0e-9f3a-2f1d7c1e9b64")
MOST_KEPT = 1 << 14


@lru_cache(MOST_KEPT)
def user_uuid(user_id: str) -> str:
    """Return the UUID of a user."""
    return str(uuid.uuid5(NAMESPACE, f"user/{user_id}"))


@lru_cache(MOST_KEPT)
def group_uuid(project_id: str) -> str:
    """Return the UUID of a group, which is a project here."""
    return str(uuid.uuid5(NAMESPACE, f"group/{project_id}"))
