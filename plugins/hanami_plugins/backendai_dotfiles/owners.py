"""Who has dotfiles: a user, a project, or the installation."""

from __future__ import annotations

from dataclasses import dataclass

from hanami_core.errors import NotFound
from hanami_core.runtime import Runtime
from hanami_core.storage.database import ACTIVE, hold
from hanami_plugins import projects
from hanami_plugins.api_backendai import hold_user, lasting_mark

__all__ = ["INSTALLATION", "PROJECT", "USER", "DotfileOwner", "of_installation", "of_project", "of_user"]

USER, PROJECT, INSTALLATION = "user", "project", "domain"


@dataclass(frozen=True)
class DotfileOwner:
    """Somebody with dotfiles. `kind` is one of `USER`, `PROJECT`, `INSTALLATION`; `mark` tells it from a later one."""

    kind: str
    id: str = ""
    mark: str = ""

    def hold(self) -> None:
        """Keep the owner from being deleted until the transaction ends.

        Raises:
            NotFound: if it is deleted already.
        """
        if self.kind == USER:
            hold_user(self.id)
        elif self.kind == PROJECT and self.mark:
            here = (projects.Project.sequence == int(self.mark)) & (projects.Project.status == ACTIVE)
            if not hold(projects.Project, here):
                raise NotFound("project_missing", id=self.id)


def of_user(runtime: Runtime, user_id: str) -> DotfileOwner:
    """Return a user as an owner."""
    return DotfileOwner(USER, user_id, lasting_mark(runtime, user_id))


def of_project(project_id: str) -> DotfileOwner:
    """Return a project as an owner; that of the admins is no row and has no mark."""
    project = projects.find_project(project_id)
    return DotfileOwner(PROJECT, project_id, "" if project is None else str(project.sequence))


def of_installation() -> DotfileOwner:
    """Return the installation as an owner."""
    return DotfileOwner(INSTALLATION)
