"""Projects; for administrators only."""

from __future__ import annotations

from hanami_sdk import project
from hanami_sdk.v04._generation import shared

__all__ = ["create_project", "delete_project", "get_project", "list_projects"]

create_project = shared(project.create_project)
get_project = shared(project.get_project)
list_projects = shared(project.list_projects)
delete_project = shared(project.delete_project)
