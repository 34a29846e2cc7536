"""What the application must hold after calls, as plain Python objects: who sees what, and what each call may answer.

Knows the rules of visibility by their table in the documents, not by the code that keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["ADMIN", "CYCLES", "NOUNS", "PROJECTS", "USERS", "Model", "Task", "Thing", "User"]

ADMIN = "asdf"
USERS = ("anna", "bert", "cleo")
PROJECTS = ("north", "south")
NOUNS = ("cluster", "dataset", "checkpoint")
CYCLES = 6
"""Rows of every dataset that is uploaded."""


@dataclass
class User:
    """Somebody who may have been deleted. Without a `project` nobody is let in. `token` is the last that was given."""

    exists: bool = False
    project: str = ""
    leads: bool = False
    token: str = "nobody's"


@dataclass
class Thing:
    """A cluster, a dataset or a checkpoint. `cycles` is None once the order of calls does not tell it any more."""

    noun: str
    owner: str
    project: str
    visibility: str = "private"
    columns: tuple[str, ...] = ()
    cycles: int | None = 0
    trained: bool = False
    direct: bool = False


@dataclass
class Task:
    """A training or a question in the list of its cluster; one that `waits` trains so many cycles, or restores them."""

    cluster: str
    owner: str
    waits: bool = False
    adds: int | None = None
    restores: int | None = None


@dataclass
class Model:
    """All of it."""

    users: dict[str, User] = field(default_factory=lambda: {name: User() for name in USERS})
    projects: set[str] = field(default_factory=set)
    things: dict[str, Thing] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)

    def all(self, noun: str) -> list[str]:
        """Return the uuids of a kind, oldest first."""
        return [uuid for uuid, thing in self.things.items() if thing.noun == noun]

    # -- who may what -------------------------------------------------------------------------------------------------

    def welcome(self, who: str) -> bool:
        """Tell whether somebody's token is taken."""
        return who == ADMIN or bool(self.users[who].exists and self.users[who].project)

    def project_of(self, who: str) -> str:
        """Return where somebody works."""
        return "admin" if who == ADMIN else self.users[who].project

    def writes(self, who: str, uuid: str) -> bool:
        """Tell whether somebody may change a thing."""
        thing = self.things[uuid]
        if who == ADMIN:
            return True
        here = thing.project == self.users[who].project
        return here and (self.users[who].leads or thing.owner == who)

    def reads(self, who: str, uuid: str) -> bool:
        """Tell whether somebody sees a thing."""
        thing = self.things[uuid]
        shared = thing.visibility == "shared" and thing.project == self.project_of(who)
        return self.writes(who, uuid) or shared or thing.visibility == "public"

    def visible(self, who: str, noun: str) -> set[str]:
        """Return the things of a kind that somebody sees."""
        return {uuid for uuid in self.all(noun) if self.reads(who, uuid)}

    def owns(self, *, owner: str = "", project: str = "") -> bool:
        """Tell whether a user, or a project, has anything."""
        return any(owner == thing.owner or project == thing.project for thing in self.things.values())

    # -- what calls do ------------------------------------------------------------------------------------------------

    def add(self, uuid: str, noun: str, who: str, **values: object) -> None:
        """Note a thing that somebody has made."""
        self.things[uuid] = Thing(noun, who, self.project_of(who), **values)  # type: ignore[arg-type]

    def remove(self, uuid: str) -> None:
        """Note that a thing is gone, with the tasks of a cluster."""
        del self.things[uuid]
        self.tasks = {key: task for key, task in self.tasks.items() if task.cluster != uuid}

    def trains(self, uuid: str, adds: int | None = None, restores: int | None = None) -> None:
        """Note what a task does to the network of a cluster."""
        cluster = self.things[uuid]
        cluster.trained = True
        cluster.cycles = restores if adds is None else None if cluster.cycles is None else cluster.cycles + adds

    def resume(self, uuid: str) -> None:
        """Note that the tasks that waited for the end of direct mode are done, in their order."""
        self.things[uuid].direct = False
        for task in self.waiting(uuid):
            task.waits = False
            if self.welcome(task.owner):
                self.trains(uuid, task.adds, task.restores)
            else:
                self.things[uuid].cycles = None  # it may have been ended before

    def waiting(self, uuid: str) -> list[Task]:
        """Return the tasks that wait for the end of a cluster's direct mode."""
        return [task for task in self.tasks.values() if task.cluster == uuid and task.waits]

    def lose(self, who: str) -> None:
        """Note that somebody may do nothing any more, nor may their tasks; which of those had ended is not known."""
        self.users[who].project, self.users[who].leads = "", False
        for task in self.tasks.values():
            if task.owner == who and task.waits:
                self.things[task.cluster].cycles = None
                task.adds = task.restores = None
