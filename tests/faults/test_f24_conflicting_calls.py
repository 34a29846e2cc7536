"""F24: concurrent switch_host, train, delete, checkpoint and upload on the same things, with kills of their processes.

Eight threads call a real server with two hosts: everything that changes clusters, checkpoints, datasets, tasks,
projects and users, on few names, so that most calls meet. Meanwhile sidecars and workers are killed. What was
acknowledged is written down, and at the end the server is compared with it: deletes win, what nobody deleted is there,
what a save has saved can be loaded, no task waits for ever, no call ended with an internal error, and when all was
deleted nothing is left. ``HANAMI_FAULT_STEPS`` says how many calls are made, ``HANAMI_FAULT_SEED`` which.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_sdk import Client, HanamiException, InternalServerErrorException
from hanami_server.local import LocalServer
from tests.faults.campaign import Campaign, times
from tests.server.harness import environment, hanami, until
from tests.service.processes import command_line, family
from tests.service.wire import Answer, Wire

STEPS = int(os.environ.get("HANAMI_FAULT_STEPS", times(500, 10_000)))
SEED = int(os.environ.get("HANAMI_FAULT_SEED", "24"))
THREADS = 8
KILL_SECONDS = 3.0
PASSPHRASE = "a long passphrase"
TABLE = b"a,b\n" + b"".join(b"%d,%d\n" % (n % 2, n % 2) for n in range(30))
FLAGS = ("host_numba.hosts=2", "users.argon2_time=1", "users.argon2_memory=1024", "uploads.open=10000")
EXPECTED = {200, 400, 401, 404, 409, 429, 503}
NO_FAULT = re.compile(r"(user|project) deleted|was deleted|project not assigned|process that ran it ended|is missing")
"""Reasons of tasks that failed: who, or what, they belong to is gone, or their process was killed too often."""

pytestmark = pytest.mark.timeout(120 + STEPS)


class Model:
    """What was acknowledged."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.created: dict[str, set[str]] = {"cluster": set(), "dataset": set(), "checkpoint": set()}
        self.attacked: set[str] = set()
        self.deleted: dict[str, set[str]] = {"cluster": set(), "dataset": set(), "checkpoint": set()}
        self.tasks: list[tuple[str, str]] = []
        self.tokens: list[str] = []
        self.answers: Counter[tuple[str, int]] = Counter()
        self.wrong: list[str] = []

    def alive(self, noun: str) -> list[str]:
        """Return what was created and not deleted, the youngest few, so that calls meet."""
        with self.lock:
            return sorted(self.created[noun] - self.deleted[noun], key=str)[-6:]


class Caller:
    """One thread that calls the server."""

    def __init__(self, server: LocalServer, model: Model, number: int) -> None:
        self.model, self.random = model, random.Random(SEED * 1000 + number)
        self.wire = Wire(server.address)
        self.admin = self.wire.login(server.user, server.passphrase)
        self.sdk = Client(server.address, server.user, server.passphrase)
        self.calls: list[tuple[int, Callable[[], None]]] = [
            (3, self.create_cluster),
            (1, self.upload),
            (8, self.train),
            (3, self.ask),
            (5, self.save),
            (4, self.load),
            (4, self.switch_host),
            (3, self.set_mode),
            (2, lambda: self.delete("cluster")),
            (2, lambda: self.delete("dataset")),
            (2, lambda: self.delete("checkpoint")),
            (2, self.delete_task),
            (2, self.share),
            (2, self.arrive),
            (1, self.leave),
        ]

    def step(self) -> None:
        weights, actions = zip(*self.calls, strict=True)
        self.random.choices(actions, weights)[0]()

    def call(self, method: str, path: str, /, token: str = "", **fields: Any) -> Answer:
        try:
            answer = self.wire.call(method, path, fields, token or self.token())
        except OSError as error:  # nobody kills the api
            answer = Answer(599, str(error))
        with self.model.lock:
            self.model.answers[f"{method} {path}", answer.status] += 1
            if answer.status not in EXPECTED:
                self.model.wrong.append(f"{method} {path} {fields}: {answer}")
        return answer

    def token(self) -> str:
        """Return that of the admin, or that of somebody who may be gone by now."""
        with self.model.lock:
            others = self.model.tokens[-4:]
        return self.random.choice(others) if others and self.random.random() < 0.3 else self.admin

    def pick(self, noun: str) -> str | None:
        found = self.model.alive(noun)
        return self.random.choice(found) if found else None

    def note(self, noun: str, answer: Answer) -> None:
        if answer.status == 200:
            with self.model.lock:
                self.model.created[noun].add(answer.json["uuid"])

    # -- calls --------------------------------------------------------------------------------------------------------

    def create_cluster(self) -> None:
        self.note("cluster", self.call("POST", "cluster", name=f"cluster {self.random.randrange(1000)}"))

    def upload(self) -> None:
        try:
            dataset = self.sdk.upload("table", "csv", {"input": TABLE})
        except InternalServerErrorException as error:
            self.model.wrong.append(f"upload: {error}")
        except (HanamiException, OSError):
            pass  # its sidecar or its worker was killed
        else:
            with self.model.lock:
                self.model.created["dataset"].add(dataset.uuid)

    def train(self) -> None:
        cluster, dataset = self.pick("cluster"), self.pick("dataset")
        if cluster and dataset:
            inputs, outputs = ({name: {"dataset_uuid": dataset, "dataset_column": name}} for name in ("a", "b"))
            fields = {"inputs": entries(inputs), "outputs": entries(outputs)}
            self.queue("POST", "task/train", cluster, name="training", **fields)

    def ask(self) -> None:
        cluster, dataset = self.pick("cluster"), self.pick("dataset")
        if cluster and dataset:
            inputs = entries({"a": {"dataset_uuid": dataset, "dataset_column": "a"}})
            results = [{"hexagon_name": "b", "dataset_column": "answer"}]
            self.queue("POST", "task/request", cluster, name="question", inputs=inputs, results=results)

    def queue(self, method: str, path: str, cluster: str, **fields: Any) -> Answer:
        answer = self.call(method, path, cluster_uuid=cluster, **fields)
        if answer.status == 200:
            with self.model.lock:
                self.model.tasks.append((answer.json["uuid"], cluster))
        return answer

    def save(self) -> None:
        cluster = self.pick("cluster")
        if cluster:
            answer = self.queue("POST", "cluster/save", cluster, name="saved")
            if answer.status == 200:
                uuid = answer.json["uuid"]
                if self.call("GET", "checkpoint", self.admin, uuid=uuid).status == 200:
                    self.note("checkpoint", answer)

    def load(self) -> None:
        cluster, checkpoint = self.pick("cluster"), self.pick("checkpoint")
        if cluster and checkpoint:
            self.queue("POST", "cluster/load", cluster, checkpoint_uuid=checkpoint)

    def switch_host(self) -> None:
        cluster = self.pick("cluster")
        hosts = self.call("GET", "host/all", self.admin)
        if cluster and hosts.status == 200:
            uuid = self.random.choice(hosts.json["body"])[hosts.json["header"].index("uuid")]
            self.call("PUT", "cluster/switch_host", cluster_uuid=cluster, host_uuid=uuid)

    def set_mode(self) -> None:
        cluster = self.pick("cluster")
        if cluster:
            self.call("PUT", "cluster/set_mode", uuid=cluster, new_state=self.random.choice(["DIRECT", "TASK", "TASK"]))

    def delete(self, noun: str) -> None:
        uuid = self.pick(noun)
        if uuid and len(self.model.alive(noun)) > 2:
            with self.model.lock:
                self.model.attacked.add(uuid)
            if self.call("DELETE", noun, uuid=uuid).status == 200:
                with self.model.lock:
                    self.model.deleted[noun].add(uuid)

    def delete_task(self) -> None:
        with self.model.lock:
            known = self.model.tasks[-10:]
        if known:
            uuid, cluster = self.random.choice(known)
            with self.model.lock:
                self.model.attacked.add(uuid)
            self.call("DELETE", "task", uuid=uuid, cluster_uuid=cluster)

    def share(self) -> None:
        noun = self.random.choice(["cluster", "dataset", "checkpoint"])
        uuid = self.pick(noun)
        if uuid:
            visibility = self.random.choice(["private", "shared", "public", "public"])
            self.call("PUT", f"{noun}/visibility", uuid=uuid, visibility=visibility)

    def arrive(self) -> None:
        """A user comes into a project; both may be new."""
        user, project = f"user_{self.random.randrange(3)}", f"project_{self.random.randrange(3)}"
        self.call("POST", "project", self.admin, id=project, name=project)
        self.call("POST", "user", self.admin, id=user, name=user, password=PASSPHRASE)
        place = {"id": user, "project_id": project, "role": "member", "is_project_admin": True}
        self.call("POST", "user/project", self.admin, **place)
        answer = self.call("POST", "token", self.admin, id=user, password=PASSPHRASE)
        if answer.status == 200:
            with self.model.lock:
                self.model.tokens.append(answer.json["token"])

    def leave(self) -> None:
        user, project = f"user_{self.random.randrange(3)}", f"project_{self.random.randrange(3)}"
        which = self.random.randrange(3)
        if which == 0:
            self.call("DELETE", "user/project", self.admin, id=user, project_id=project)
        elif which == 1:
            self.call("DELETE", "project", self.admin, id=project)
        else:
            self.call("DELETE", "user", self.admin, id=user)


def entries(bound: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    return [{"hexagon_name": name, **binding} for name, binding in bound.items()]


class Killer:
    """Kills a sidecar or the worker from time to time; the supervisor starts another one."""

    def __init__(self, server: LocalServer) -> None:
        self.kills = 0
        self._server, self._random, self._stop = server, random.Random(SEED), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(KILL_SECONDS):
            victims = [pid for pid in family(self._server.pid) if self._is_victim(pid)]
            if victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._random.choice(victims), signal.SIGKILL)
                    self.kills += 1

    @staticmethod
    def _is_victim(pid: int) -> bool:
        with contextlib.suppress(OSError):
            return bool(re.search(rb"sidecar|worker_process", command_line(pid)))
        return False

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalServer]:
    with LocalServer(tmp_path / "data", *(part for flag in FLAGS for part in ("--set", flag))) as running:
        yield running


def rows(server: LocalServer, query: str, *values: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(server.data_dir / "hanami.db", timeout=30)) as database:
        return database.execute(query, values).fetchall()


def run(server: LocalServer, model: Model) -> int:
    """Make all calls and return how many processes were killed meanwhile."""
    left = iter(range(STEPS))
    callers = [Caller(server, model, number) for number in range(THREADS)]
    callers[0].upload()
    callers[0].create_cluster()

    def work(caller: Caller) -> None:
        for _ in left:
            caller.step()

    threads = [threading.Thread(target=work, args=(caller,)) for caller in callers]
    with Killer(server) as killer:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for caller in callers:
        caller.sdk.close()
    return killer.kills


def test_the_server_and_a_model_agree_after_calls_that_meet(server: LocalServer) -> None:
    injected = f"{THREADS} threads, two hosts, calls that meet, kills of sidecars and workers"
    with Campaign("F24", injected) as campaign:
        model = Model()
        kills = run(server, model)
        campaign.repetitions = sum(model.answers.values())
        campaign.survived = campaign.repetitions - len(model.wrong)
        campaign.remark = f"{kills} kills, seed {SEED}"
        assert model.wrong == []
        admin = Wire(server.address)
        admin.token = admin.login(server.user, server.passphrase)
        settle(server, admin)
        lost = compare(server, model, admin)
        campaign.lost = len(lost)
        assert lost == []
        checkpoints_load(server, admin)
        delete_everything(server, admin)
        assert_nothing_is_left(server)


def settle(server: LocalServer, admin: Wire) -> None:
    """Wait until nothing is to be done any more; a cluster in direct mode has no open task."""
    for uuid, mode in rows(server, "SELECT uuid, mode FROM cluster WHERE status = 'active'"):
        if mode == "DIRECT":
            assert admin.call("PUT", "cluster/set_mode", {"uuid": uuid, "new_state": "TASK"}).status == 200
    open_tasks = "SELECT kind, state, partition FROM task WHERE state IN ('queued', 'active')"
    with contextlib.suppress(TimeoutError):
        until(lambda: not rows(server, open_tasks), 60)
    assert rows(server, open_tasks) == []


def compare(server: LocalServer, model: Model, admin: Wire) -> list[str]:
    """Return in what the server differs from what was acknowledged."""
    return [*_things(model, admin), *_tasks(server, model)]


def _things(model: Model, admin: Wire) -> Iterator[str]:
    for noun in ("cluster", "dataset", "checkpoint"):
        for uuid in model.created[noun]:
            status = admin.call("GET", noun, {"uuid": uuid}).status
            if uuid in model.deleted[noun] and status != 404:
                yield f"{noun} {uuid} was deleted and is there"
            elif uuid not in model.attacked and status != 200:
                yield f"{noun} {uuid} is lost"


def _tasks(server: LocalServer, model: Model) -> Iterator[str]:
    for uuid, _ in model.tasks:
        ((kind, state, error),) = rows(server, "SELECT kind, state, error FROM task WHERE uuid = ?", uuid)
        if state == "failed" and not NO_FAULT.search(error):
            yield f"{kind} {uuid} failed: {error}"
        saved = rows(server, "SELECT 1 FROM checkpoint WHERE uuid = ?", uuid)
        if (kind, state) == ("save", "finished") and not saved:
            yield f"save {uuid} has saved nothing"


def checkpoints_load(server: LocalServer, admin: Wire) -> None:
    """Load every checkpoint that is left into a cluster of its own."""
    tasks = []
    for (uuid,) in rows(server, "SELECT uuid FROM checkpoint WHERE status = 'active'"):
        cluster = admin.call("POST", "cluster", {"name": f"for {uuid}"}).json["uuid"]
        answer = admin.call("POST", "cluster/load", {"cluster_uuid": cluster, "checkpoint_uuid": uuid})
        assert answer.status == 200, answer
        tasks.append(answer.json["uuid"])
    settle(server, admin)
    for task in tasks:
        assert rows(server, "SELECT state, error FROM task WHERE uuid = ?", task) == [("finished", "")]


def delete_everything(server: LocalServer, admin: Wire) -> None:
    for noun in ("cluster", "dataset", "checkpoint"):
        for (uuid,) in rows(server, f"SELECT uuid FROM {noun} WHERE status = 'active'"):
            assert admin.call("DELETE", noun, {"uuid": uuid}).status == 200
    settle(server, admin)
    for noun in ("project", "user"):
        for (id,) in rows(server, f"SELECT id FROM {noun} WHERE status = 'active' AND id != ?", server.user):
            answer = admin.call("DELETE", noun, {"id": id})
            assert answer.status == 200, answer


def assert_nothing_is_left(server: LocalServer) -> None:
    """Look after a restart, which removes what a kill may leave."""
    server.stop()
    server.resume()
    server.stop()
    tables = ("blob", "partition", "upload", "membership")
    assert {table: rows(server, f"SELECT count(*) FROM {table}")[0][0] for table in tables} == dict.fromkeys(tables, 0)
    places = ("blobs", "staging", "uploads")
    assert [file for place in places for file in (server.data_dir / place).rglob("*") if file.is_file()] == []
    server.log.chmod(0o600)
    done = hanami("doctor", "--json", "--data-dir", str(server.data_dir), env=environment())
    assert json.loads(done.stdout)["findings"] == []
