"""The chapters of the document of v0.4, by the nouns of its actions."""

from __future__ import annotations

from collections.abc import Iterable

from hanami_core.http import Route, RouteGroup

__all__ = ["grouped"]

_PROJECTS = RouteGroup("projects", "Create projects, and decide who works in them.", 700)
_GROUPS = {
    "tokens": RouteGroup("tokens", "Log in, and send the token that you get with all other calls.", 100),
    "datasets": RouteGroup("datasets", "Upload pictures and tables.", 200),
    "clusters": RouteGroup("clusters", "Create networks, look at them, and move or delete them.", 300),
    "tasks": RouteGroup("tasks", "Train a cluster with a dataset, or let it answer one.", 400),
    "results": RouteGroup("results", "Read and delete the answers of requests.", 500),
    "checkpoints": RouteGroup("checkpoints", "Save and restore clusters.", 600),
    "projects": _PROJECTS,
    "memberships": _PROJECTS,
    "users": RouteGroup("users", "Create and delete the people and programs that may log in.", 710),
    "hosts": RouteGroup("hosts", "See which compute hosts clusters can run on.", 800),
    "measurements": RouteGroup("measurements", "See the processors of the machine, their power and speed.", 810),
    "logs": RouteGroup("logs", "Read who changed what, and what went wrong.", 820),
}


def grouped(routes: Iterable[Route]) -> list[Route]:
    """Return routes as members of the chapters that they belong to."""
    return [found for route in routes for found in _GROUPS[route.action.partition(".")[0]].of(route)]
