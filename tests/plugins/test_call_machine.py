"""Calls in any order, and eight at once, leave what a plain model says.

Users whose projects and rights change create, train, ask, save, load, share and delete on few things. After each call,
and once all its tasks have ended, everybody sees what the model says; networks have seen as many cycles; blobs are
counted as often as they are held; the queue and its tasks agree. Of calls that are made at once the order is not known:
what was acknowledged must be so, what nobody touched is as it was, and the model learns the rest. At the end everything
is deleted, and nothing may be left. ``HANAMI_FAULT_SHARE`` makes it long; kills are in `tests.faults`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial, wraps
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hanami_core.queue import Task as TaskRow
from hanami_core.testing.requests import ClientRequest, open_socket
from tests.faults.campaign import SHARE, times
from tests.lengths import choose
from tests.plugins.call_kit import THREADS, Application, Call, at_once, learned, question, rows, training
from tests.plugins.call_model import ADMIN, CYCLES, NOUNS, PROJECTS, USERS, Model, Task, Thing
from tests.plugins.data import message

EXAMPLES, LONG, STEPS = choose(2, 10), 400, 25
MOST = 12
"""Things beyond which rules make no further one by themselves."""
PASSPHRASE = "a long passphrase"
TABLE = b"a,b\n" + b"".join(b"%d,%d\n" % (n % 2, n % 2) for n in range(CYCLES))
ANY = {200, 400, 401, 404, 409, 429, 503}
VISIBILITIES = ("private", "shared", "public")
CREATES = ("cluster", "task/request", "cluster/save")
WORK = ("train", "ask", "save", "load", "set mode")
DELETIONS = tuple(f"delete {noun}" for noun in (*NOUNS, "task", "user", "project"))
KINDS = (*WORK, *WORK, *DELETIONS, *(f"share {noun}" for noun in NOUNS), "create")
"""Calls of which several are made at once."""

picks = st.integers(0, 3)
few = st.integers(0, 1)
"""So few that calls meet."""
people = st.sampled_from((ADMIN, *USERS))
users = st.sampled_from(USERS)


def when(condition: Callable[[Any], object]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a rule do nothing if a condition does not hold.

    Not a precondition: what there is depends on which task was quicker, and the choice of rules must not.
    """

    def decorate(made: Callable[..., None]) -> Callable[..., None]:
        @wraps(made)
        def if_it_holds(self: Calls, *args: Any, **more: Any) -> None:
            if condition(self):
                made(self, *args, **more)

        return if_it_holds

    return decorate


class Calls(RuleBasedStateMachine):
    """The rules. Each makes a call, and the model says what its answer must be."""

    application: ClassVar[Application | None] = None

    def __init__(self) -> None:
        super().__init__()
        if Calls.application is None:
            Calls.application = Application()
        self.on = Calls.application
        self.model = Model()
        self.names = itertools.count()

    @initialize()
    def begin(self) -> None:
        """Let two users work in one project, one of whom leads it, and another one in the other. They share."""
        for user, project, leads in zip(USERS, ("north", "north", "south"), (True, False, False), strict=True):
            self.arrive(user, project, leads)
        for who in ("bert", "anna"):
            self.create_cluster(who)
            self.upload(who)
            self.train(who, 0, 0)
        self.on.settle()
        self.save("anna", 0)
        self.share(ADMIN, "checkpoint", 0, "public")
        self.share(ADMIN, "dataset", 0, "public")

    def teardown(self) -> None:
        """Delete everything; an application in which anything is left, or that failed to delete, is not used again."""
        Calls.application = None
        try:
            self.leave_nothing()
            Calls.application = self.on
        finally:
            if Calls.application is None:
                self.on.end()

    # -- calls --------------------------------------------------------------------------------------------------------

    def token(self, who: str) -> str:
        return self.on.app.token if who == ADMIN else self.model.users[who].token

    def send(self, who: str, method: str, path: str, **fields: Any) -> Any:
        return self.on.app.call(method, path, as_token=self.token(who), **fields)

    def expect(self, who: str, allowed: set[int], method: str, path: str, **fields: Any) -> Any:
        """Make a call and check its answer; who is not welcome gets another one."""
        answer = self.send(who, method, path, **fields)
        expected = allowed if self.model.welcome(who) else {401}
        assert answer.status_code in expected, (who, method, path, fields, answer.status_code, answer.text, expected)
        return answer.json if answer.status_code == 200 else None

    def pick(self, noun: str, number: int) -> str:
        found = self.model.all(noun)
        return found[-1 - number % len(found)]

    def name(self) -> str:
        return f"thing {next(self.names)}"

    def has_room(self) -> bool:
        """Tell whether there is so little that a little more does no harm: calls are to meet."""
        return len(self.model.things) < MOST

    def has(self, *nouns: str) -> bool:
        return all(self.model.all(noun) for noun in nouns)

    # -- users and projects -------------------------------------------------------------------------------------------

    @rule(
        change=st.sampled_from(("arrive", "arrive", "remove from project", "delete user", "delete project")),
        user=users,
        project=st.sampled_from(PROJECTS),
        leads=st.booleans(),
    )
    def people_change(self, change: str, user: str, project: str, leads: bool) -> None:
        """Let somebody come or go."""
        if change == "arrive":
            self.arrive(user, project, leads)
        elif change == "delete project":
            self.delete_project(project)
        else:
            getattr(self, change.replace(" ", "_"))(user)

    def arrive(self, user: str, project: str, leads: bool) -> None:
        """Make a user a member of a project; both may be new."""
        known = self.model.users[user]
        allowed = {409 if project in self.model.projects else 200}
        self.expect(ADMIN, allowed, "POST", "project", id=project, name=project)
        self.model.projects.add(project)
        left = self.model.owns(owner=user) or any(t.owner == user and t.waits for t in self.model.tasks.values())
        allowed = {409} if known.exists else {200, 409} if left else {200}
        made = self.expect(ADMIN, allowed, "POST", "user", id=user, name=user, password=PASSPHRASE)
        known.exists = known.exists or made is not None
        place = {"id": user, "project_id": project, "role": "member", "is_project_admin": leads}
        if known.exists and not known.project:
            self.expect(ADMIN, {200}, "POST", "user/project", **place)
            known.project, known.leads = project, leads
            known.token = self.on.app.login(user, PASSPHRASE)
        elif not known.exists:
            self.expect(ADMIN, {404}, "POST", "user/project", **place)

    def remove_from_project(self, user: str) -> None:
        known = self.model.users[user]
        place = known.project or PROJECTS[0]
        self.expect(ADMIN, {200} if known.project else {404}, "DELETE", "user/project", id=user, project_id=place)
        self.model.lose(user)

    def delete_user(self, user: str) -> None:
        self.expect(ADMIN, {200} if self.model.users[user].exists else {404}, "DELETE", "user", id=user)
        self.model.lose(user)
        self.model.users[user].exists = False

    def delete_project(self, project: str) -> None:
        there = project in self.model.projects
        allowed = {404} if not there else {409} if self.model.owns(project=project) else {200}
        if self.expect(ADMIN, allowed, "DELETE", "project", id=project) is not None:
            self.model.projects.discard(project)
            for name, user in self.model.users.items():
                if user.project == project:
                    self.model.lose(name)

    # -- things -------------------------------------------------------------------------------------------------------

    @rule(who=people)
    @when(lambda self: self.has_room())
    def create_cluster(self, who: str) -> None:
        made = self.expect(who, {200}, "POST", "cluster", name=self.name())
        if made is not None:
            self.model.add(made["uuid"], "cluster", who)

    @rule(who=people)
    @when(lambda self: self.has_room())
    def upload(self, who: str) -> None:
        announced = self.expect(who, {200}, "POST", "dataset/upload/csv", name=self.name(), input_data_size=len(TABLE))
        if announced is None:
            return
        opening = {"token": self.token(who), "target": "file_upload", "uuid": announced["uuid_input_file"]}
        session = open_socket(self.on.app, ClientRequest(), msgspec.json.encode(opening)).session
        assert session is not None
        session.receive(message(0, TABLE))
        session.close()
        files = {name: announced[name] for name in ("uuid", "uuid_input_file")}
        self.expect(who, {200}, "PUT", "dataset/upload/csv", **files)
        self.model.add(announced["uuid"], "dataset", who, columns=("a", "b"))

    @rule(who=people, noun=st.sampled_from(NOUNS), number=picks, visibility=st.sampled_from(VISIBILITIES))
    @when(lambda self: self.model.things)
    def share(self, who: str, noun: str, number: int, visibility: str) -> None:
        if self.has(noun):
            uuid = self.pick(noun, number)
            allowed = {200} if self.model.writes(who, uuid) else {404}
            if self.expect(who, allowed, "PUT", f"{noun}/visibility", uuid=uuid, visibility=visibility) is not None:
                self.model.things[uuid].visibility = visibility

    @rule(who=people, noun=st.sampled_from(NOUNS), number=picks)
    @when(lambda self: self.model.things)
    def delete(self, who: str, noun: str, number: int) -> None:
        if self.has(noun):
            uuid = self.pick(noun, number)
            allowed = {200} if self.model.writes(who, uuid) else {404}
            if self.expect(who, allowed, "DELETE", noun, uuid=uuid) is not None:
                self.model.remove(uuid)

    # -- networks -----------------------------------------------------------------------------------------------------

    @rule(who=people, cluster=picks, dataset=picks)
    @when(lambda self: self.has("cluster", "dataset"))
    def train(self, who: str, cluster: int, dataset: int) -> None:
        """Train a cluster; in direct mode that waits."""
        uuid, data = self.pick("cluster", cluster), self.pick("dataset", dataset)
        fits = "b" in self.model.things[data].columns and self.model.reads(who, data)
        allowed = {200} if self.model.writes(who, uuid) and fits else {404}
        made = self.expect(who, allowed, "POST", "task/train", **training(uuid, data))
        if made is not None:
            waits = self.model.things[uuid].direct
            self.model.tasks[made["uuid"]] = Task(uuid, who, waits, adds=CYCLES)
            if not waits:
                self.model.trains(uuid, CYCLES)

    @rule(who=people, cluster=picks, dataset=picks)
    @when(lambda self: self.has("cluster", "dataset"))
    def ask(self, who: str, cluster: int, dataset: int) -> None:
        """Ask a cluster; the answers become a dataset."""
        uuid, data = self.pick("cluster", cluster), self.pick("dataset", dataset)
        found = self.model.things[uuid]
        if found.direct:
            return
        allowed = set()
        fits = "b" in self.model.things[data].columns and self.model.reads(who, data)
        if not (fits and self.model.reads(who, uuid)):
            allowed.add(404)
        if not found.trained:
            allowed.add(409)
        made = self.expect(who, allowed or {200}, "POST", "task/request", **question(uuid, data))
        if made is not None:
            self.model.tasks[made["uuid"]] = Task(uuid, who)
            self.model.add(made["uuid"], "dataset", who, columns=("answer",))

    @rule(who=people, cluster=picks)
    @when(lambda self: self.has("cluster"))
    def save(self, who: str, cluster: int) -> None:
        uuid = self.pick("cluster", cluster)
        found = self.model.things[uuid]
        if found.direct:
            return
        allowed = {404} if not self.model.writes(who, uuid) else {200} if found.trained else {409}
        made = self.expect(who, allowed, "POST", "cluster/save", cluster_uuid=uuid, name=self.name())
        if made is not None:
            self.model.add(made["uuid"], "checkpoint", who, cycles=found.cycles)

    @rule(who=people, cluster=picks, checkpoint=picks)
    @when(lambda self: self.has("cluster", "checkpoint"))
    def load(self, who: str, cluster: int, checkpoint: int) -> None:
        """Restore a cluster; in direct mode that waits, and the checkpoint may go meanwhile."""
        uuid, saved = self.pick("cluster", cluster), self.pick("checkpoint", checkpoint)
        allowed = {200} if self.model.writes(who, uuid) and self.model.reads(who, saved) else {404}
        made = self.expect(who, allowed, "POST", "cluster/load", cluster_uuid=uuid, checkpoint_uuid=saved)
        if made is not None:
            cycles = self.model.things[saved].cycles
            if self.model.things[uuid].direct:
                self.model.tasks[made["uuid"]] = Task(uuid, who, True, restores=cycles)
            else:
                self.model.trains(uuid, restores=cycles)

    @rule(who=people, cluster=picks, mode=st.sampled_from(("DIRECT", "TASK")))
    @when(lambda self: self.has("cluster"))
    def set_mode(self, who: str, cluster: int, mode: str) -> None:
        uuid = self.pick("cluster", cluster)
        found = self.model.things[uuid]
        refused = mode == "DIRECT" and (found.direct or not found.trained)
        allowed = {404} if not self.model.writes(who, uuid) else {409} if refused else {200}
        if self.expect(who, allowed, "PUT", "cluster/set_mode", uuid=uuid, new_state=mode) is not None:
            if mode == "DIRECT":
                found.direct = True
            else:
                self.model.resume(uuid)

    @rule(who=people, cluster=picks)
    @when(lambda self: self.has("cluster"))
    def switch_host(self, who: str, cluster: int) -> None:
        """Move a cluster to where it is."""
        uuid = self.pick("cluster", cluster)
        found = self.model.things[uuid]
        allowed = {404} if not self.model.writes(who, uuid) else {200} if found.trained and not found.direct else {409}
        host = self.on.app.runtime.host_uuids["cpu0"]
        self.expect(who, allowed, "PUT", "cluster/switch_host", cluster_uuid=uuid, host_uuid=host)

    @rule(who=people, number=picks)
    @when(lambda self: self.model.tasks)
    def delete_task(self, who: str, number: int) -> None:
        uuid = list(self.model.tasks)[-1 - number % len(self.model.tasks)]
        task = self.model.tasks[uuid]
        mine = self.model.reads(who, task.cluster) and task.owner == who
        allowed = {200} if mine or self.model.writes(who, task.cluster) else {404}
        if self.expect(who, allowed, "DELETE", "task", uuid=uuid, cluster_uuid=task.cluster) is not None:
            del self.model.tasks[uuid]

    # -- all together -------------------------------------------------------------------------------------------------

    @rule(seldom=st.sampled_from((False, False, True)))
    def restart(self, seldom: bool) -> None:
        """End the application and open it again."""
        if seldom:
            self.on.restart()

    @rule(calls=st.lists(st.tuples(st.sampled_from(KINDS), people, few, few), min_size=THREADS, max_size=THREADS))
    @when(lambda self: self.model.things)
    def together(self, calls: list[tuple[str, str, int, int]]) -> None:
        """Make eight calls at once: what was acknowledged is so, and what none of them touched is as it was."""
        made = [call for kind, who, one, other in calls if (call := self.prepared(kind, who, one, other)) is not None]
        answers = at_once([partial(self.answer, call) for call in made])
        for call, answer in zip(made, answers, strict=True):
            assert answer.status_code in ANY, (call, answer.status_code, answer.text)
        self.on.settle()
        self.reconcile(made, [answer.json if answer.status_code == 200 else None for answer in answers])

    def prepared(self, kind: str, who: str, one: int, other: int) -> Call | None:
        """Return a call on things that are there now; None if there are none."""
        if kind == "create":
            return Call(who, "POST", "cluster", {"name": self.name()}) if self.has_room() else None
        if kind == "delete user":
            return Call(ADMIN, "DELETE", "user", {"id": USERS[one % len(USERS)]})
        if kind == "delete project":
            return Call(ADMIN, "DELETE", "project", {"id": PROJECTS[one % len(PROJECTS)]})
        if kind == "delete task":
            return self.prepared_end(who, one) if self.model.tasks else None
        what, _, noun = kind.partition(" ")
        if not self.has(noun or "cluster"):
            return None
        uuid = self.pick(noun or "cluster", one)
        if what == "delete":
            return Call(who, "DELETE", noun, {"uuid": uuid}, uuid)
        if what == "share":
            return Call(who, "PUT", f"{noun}/visibility", {"uuid": uuid, "visibility": VISIBILITIES[other % 3]}, uuid)
        return self.prepared_work(kind, who, uuid, other)

    def prepared_end(self, who: str, number: int) -> Call:
        uuid = list(self.model.tasks)[-1 - number % len(self.model.tasks)]
        cluster = self.model.tasks[uuid].cluster
        return Call(who, "DELETE", "task", {"uuid": uuid, "cluster_uuid": cluster}, cluster)

    def prepared_work(self, kind: str, who: str, uuid: str, other: int) -> Call | None:
        if kind == "set mode":
            return Call(
                who, "PUT", "cluster/set_mode", {"uuid": uuid, "new_state": ("DIRECT", "TASK")[other % 2]}, uuid
            )
        if kind == "save":
            return Call(who, "POST", "cluster/save", {"cluster_uuid": uuid, "name": self.name()}, uuid)
        if kind == "load" and self.has("checkpoint"):
            fields = {"cluster_uuid": uuid, "checkpoint_uuid": self.pick("checkpoint", other)}
            return Call(who, "POST", "cluster/load", fields, uuid)
        if kind == "train" and self.has("dataset"):
            return Call(who, "POST", "task/train", training(uuid, self.pick("dataset", other)), uuid)
        if kind == "ask" and self.has("dataset"):
            return Call(who, "POST", "task/request", question(uuid, self.pick("dataset", other)), uuid)
        return None

    def answer(self, call: Call) -> Any:
        answer = self.send(call.who, call.method, call.path, **call.fields)
        self.on.app.runtime.database.disconnect()
        return answer

    def reconcile(self, calls: list[Call], answers: list[Any]) -> None:
        """Compare what was acknowledged with what is there, and learn what the order of the calls has made of it."""
        deleted, created = set[str](), set[str]()
        for call, answer in zip(calls, answers, strict=True):
            if answer is not None and call.method == "DELETE" and call.path in NOUNS:
                deleted.add(call.touched)
            elif answer is not None and call.path in CREATES:
                task = TaskRow.get_or_none(TaskRow.uuid == answer["uuid"])
                created |= {answer["uuid"]} if task is None or task.state in ("finished", "queued") else set()
        before, self.model = (
            self.model,
            learned(self.on, {name: user.token for name, user in self.model.users.items()}),
        )
        waiting = {uuid for uuid in created if TaskRow.select().where(TaskRow.uuid == uuid, TaskRow.state == "queued")}
        assert self.model.things.keys() == (before.things.keys() | created - waiting) - deleted
        untouched = before.things.keys() - {call.touched for call in calls}
        for uuid in untouched:
            self.same(before.things[uuid], self.model.things[uuid])

    def same(self, before: Thing, now: Thing) -> None:
        """Compare what nobody has touched; users who may do less than before take their waiting tasks with them."""
        if before.cycles is None or now.cycles is None:
            before, now = replace(before, cycles=None), replace(now, cycles=None)
        assert before == now

    @invariant()
    def agrees(self) -> None:
        """Look whether everybody sees what they should, and whether what is stored agrees with itself."""
        self.on.settle()
        for who, noun in itertools.product((ADMIN, *USERS), NOUNS):
            found = self.expect(who, {200}, "GET", f"{noun}/all")
            if found is not None:
                uuids = {row[found["header"].index("uuid")] for row in found["body"]}
                assert uuids == self.model.visible(who, noun), (who, noun)
        for uuid in self.model.all("cluster"):
            thing, found = self.model.things[uuid], self.send(ADMIN, "GET", "cluster", uuid=uuid).json
            assert (found["mode"] == "DIRECT") == thing.direct
            assert thing.cycles is None or thing.direct or thing.cycles == found["cycles"], uuid
        self.on.require_agreement()

    # -- the end ------------------------------------------------------------------------------------------------------

    def leave_nothing(self) -> None:
        """Delete everything, and look whether rows or files are left."""
        for uuid in self.model.all("cluster"):
            if self.model.things[uuid].direct:
                assert self.send(ADMIN, "PUT", "cluster/set_mode", uuid=uuid, new_state="TASK").status_code == 200
        self.on.settle()
        for checkpoint in rows("checkpoint").values():
            self.on.cycles_of(checkpoint)
        for noun in NOUNS:
            for uuid in rows(noun):
                assert self.send(ADMIN, "DELETE", noun, uuid=uuid).status_code == 200
        self.on.settle()
        for noun, ids in (("project", PROJECTS), ("user", USERS)):
            for id in ids:
                assert self.send(ADMIN, "DELETE", noun, id=id).status_code in (200, 404)
        self.on.require_nothing()
        self.on.require_agreement()


@pytest.fixture(scope="module", autouse=True)
def ended() -> Iterator[None]:
    """End the application that stays for the next example, whose worker would take the tasks of other tests."""
    yield
    if Calls.application is not None:
        Calls.application.end()


TestCalls = Calls.TestCase
TestCalls.settings = settings(
    max_examples=times(EXAMPLES, LONG),
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestCalls.pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + SHARE * LONG * 30)]
