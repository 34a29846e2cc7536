"""What is decided by a row that was read is decided where it is written.

Of two calls that meet, both have read the row before one of them writes it. So a write inside of a transaction must not
rest on what was read before the transaction: either its condition says what must still hold, or the row is read again
inside. Two looks see to that, because neither sees all:

* **while things are done**: a `Recorder` listens to all statements of a scenario that does everything features can
  do, tasks included. A write whose condition names nothing but the row itself, of a table that was read before the
  transaction and not inside of it, is a finding. It looks at tables and not at rows, which is exact enough for the
  short calls of the scenario and needs no knowledge of what was selected. Each function that writes must take part, so
  a new one has to be added to the scenario.
* **in the sources**: a row is never written as a whole by its key (`save`, `delete_instance`), and whoever writes with
  a condition looks whether a row met it; those that need not stand here with the reason.
"""

from __future__ import annotations

import ast
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import peewee
import pytest

from hanami_core.access import Access, Actor
from hanami_core.admission import Holder
from hanami_core.compute import HostDescription
from hanami_core.identity import Principal
from hanami_core.localsocket import run_directory
from hanami_core.queue import Task
from hanami_core.runtime import CORE_MODELS, Runtime
from hanami_core.storage.database import Record, atomic, compare_and_set, hold, proxy
from hanami_plugins import (
    auth_jwt,
    backendai_dotfiles,
    backendai_templates,
    checkpoints,
    clusters,
    datasets,
    datasets_folders,
    folders,
    keypairs,
    projects,
    quotas,
    tasks,
    uploads,
    users,
)
from hanami_plugins.api_backendai import schemes, web_sessions
from hanami_plugins.clusters import Cluster
from hanami_plugins.folders import upkeep
from hanami_plugins.tasks import Binding, ResultColumn
from hanami_plugins.users import User
from tests.contracts.test_house import sources
from tests.contracts.test_services import CSV, OWNER, TEMPLATE, add_file, of, runtime, work
from tests.whole import ADMIN

__all__ = ["runtime"]

WRITE = re.compile(r'^(?:UPDATE|DELETE FROM) "(\w+)"')
READ = re.compile(r'(?:FROM|JOIN) "(\w+)"')
COLUMN = re.compile(r'"\w+"\."(\w+)"')
SESSION_TEMPLATE = "{api_version: v1, kind: taskTemplate, metadata: {name: a}, spec: {kernel: {image: python}}}"
RELATIVE = re.compile(r' SET "(\w+)" = \(?"\w+"\."\1"(?: [+-] \?\))? WHERE ')
"""A value that is made of what the row has then, such as a count, whatever was read before."""

# -- while things are done --------------------------------------------------------------------------------------------


class Finding(NamedTuple):
    """A write that rests on what was read before its transaction."""

    table: str
    statement: str


class Seen(threading.local):
    """What a thread has read before its transaction, and inside of it."""

    def __init__(self) -> None:
        self.before: set[str] = set()
        self.inside: set[str] = set()


class Recorder:
    """Listens to all statements, of each thread on its own."""

    def __init__(self, models: list[type[peewee.Model]]) -> None:
        self.findings: list[Finding] = []
        self.writers: set[str] = set()
        self._keys = {model._meta.table_name: _keys(model) for model in models}
        self._seen = Seen()

    @contextmanager
    def listening(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Hear everything that the database is told."""
        driver = proxy.obj
        execute = driver.execute_sql

        def heard(sql: str, *arguments: Any, **named: Any) -> Any:
            self.hear(sql, within=driver.in_transaction())
            return execute(sql, *arguments, **named)

        with monkeypatch.context() as patched:
            patched.setattr(driver, "execute_sql", heard)
            yield

    def begin(self) -> None:
        """Begin another call of this thread: what was read before means nothing to it."""
        self._seen.before, self._seen.inside = set(), set()

    def hear(self, sql: str, *, within: bool) -> None:
        """Take note of a statement."""
        if not within:
            self._seen.before |= self._seen.inside
            self._seen.inside = set()
        written = WRITE.match(sql)
        if written:
            self._note_write(written.group(1), sql)
        elif sql.startswith("SELECT"):
            (self._seen.inside if within else self._seen.before).update(READ.findall(sql))

    def _note_write(self, table: str, sql: str) -> None:
        self.writers |= set(_callers())
        conditions = set(COLUMN.findall(sql.partition(" WHERE ")[2]))
        by_key = conditions <= self._keys.get(table, set())
        if by_key and not RELATIVE.search(sql) and table in self._seen.before and table not in self._seen.inside:
            self.findings.append(Finding(table, sql))
        self._seen.inside.add(table)


def _keys(model: Any) -> set[str]:
    unique = {field.column_name for field in model._meta.sorted_fields if field.unique or field.primary_key}
    return unique | ({model.identity} if issubclass(model, Record) else set())


def _callers() -> Iterator[str]:
    """Return the functions that are at work, as file and name."""
    frame = sys._getframe(3)
    while frame is not None:
        yield f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}"
        frame = frame.f_back  # type: ignore[assignment]


@pytest.fixture
def recorder(runtime: Runtime) -> Recorder:
    return Recorder([*CORE_MODELS, *runtime.models.values()])


def by_key(row: User) -> None:
    with atomic():
        User.update(name="x").where(User.sequence == row.sequence).execute()


def without_transaction(row: User) -> None:
    User.update(name="x").where(User.id == row.id).execute()


def removed_by_key(row: User) -> None:
    with atomic():
        User.delete().where(User.sequence == row.sequence).execute()


def by_state(row: User) -> None:
    with atomic():
        compare_and_set(User, (User.sequence == row.sequence) & (User.status == "active"), name="x")


def read_again(row: User) -> None:
    with atomic():
        again = User.get(User.id == row.id)
        User.update(name="x").where(User.sequence == again.sequence).execute()


def held(row: User) -> None:
    with atomic():
        assert hold(User, (User.sequence == row.sequence) & (User.status == "active"))
        User.update(name="x").where(User.sequence == row.sequence).execute()


@pytest.mark.parametrize(
    ("change", "found"),
    [(by_key, 1), (without_transaction, 1), (removed_by_key, 1), (by_state, 0), (read_again, 0), (held, 0)],
)
def test_a_write_that_rests_on_an_earlier_look_is_found(
    runtime: Runtime,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[User], None],
    found: int,
) -> None:
    with recorder.listening(monkeypatch):
        change(User.get(User.id == ADMIN[0]))
    assert [finding.table for finding in recorder.findings] == ["user"] * found


ADMIN_ACTOR = Actor(ADMIN[0], ADMIN[1], "admin", "admin", is_admin=True, is_project_admin=True)


def scenario(runtime: Runtime) -> Iterator[None]:
    """Do everything once, with a step for each call."""
    owner, admin = of(runtime, OWNER), of(runtime, ADMIN_ACTOR)
    user, room = OWNER.user_id, OWNER.project_id
    yield projects.create_project(admin, room, "Room") and None
    yield users.create_user(runtime, admin, user, "Tsugumi", "long enough") and None
    yield projects.assign(admin, user, room, "member") and None
    yield users.set_passphrase(admin, user, "also long enough") and None
    yield users.change_passphrase(runtime, OWNER, "also long enough", "longer than that", "") and None
    yield auth_jwt.login(runtime, user, "longer than that", "") and None

    cluster = clusters.create_cluster(runtime, owner, "reader", TEMPLATE)
    yield
    numbers, files = datasets.create_dataset(runtime, owner, "csv", "numbers", {"input": 3})
    yield
    with uploads.open_upload(runtime, owner, files["input"].uuid) as receiver:
        receiver.write(0, b"a,b")
    yield uploads.discard_idle(runtime, 1.0) and None
    yield datasets.delete_dataset(runtime, owner, numbers.uuid)
    dataset = add_file(runtime, owner, CSV)
    yield
    inputs, outputs = ([Binding(name, dataset.uuid, name)] for name in ("picture", "label"))
    tasks.train(runtime, owner, cluster.uuid, "learn", inputs, outputs)
    yield
    yield work(runtime)
    tasks.request(runtime, owner, cluster.uuid, "ask", inputs, [ResultColumn("label", "guess")])
    yield
    yield work(runtime)
    saved = checkpoints.save(runtime, owner, cluster.uuid, "summer")
    yield
    yield work(runtime)
    checkpoints.restore(runtime, owner, cluster.uuid, saved.uuid)
    yield
    yield work(runtime)
    with checkpoints.open_file(runtime, owner, saved.uuid) as file:
        content = b"".join(file.read(0, file.length))
    yield
    arrival, upload = checkpoints.create_arrival(runtime, owner, "from a file", len(content))
    yield
    with uploads.open_upload(runtime, owner, upload.uuid) as receiver:
        receiver.write(0, content)
    yield checkpoints.finalise_arrival(runtime, owner, arrival.uuid, upload.uuid) and None
    yield checkpoints.delete_checkpoint(runtime, owner, arrival.uuid)
    arrival, _ = checkpoints.create_arrival(runtime, owner, "given up", len(content))
    yield
    yield checkpoints.delete_checkpoint(runtime, owner, arrival.uuid)
    yield clusters.set_mode(runtime, owner, cluster.uuid, "DIRECT") and None
    yield clusters.set_mode(runtime, owner, cluster.uuid, "TASK") and None
    yield work(runtime)
    yield clusters.move_cluster(runtime, owner, cluster.uuid, runtime.host_uuids["cpu0"]) and None
    yield work(runtime)
    Cluster.update(host="gone").where(Cluster.uuid == cluster.uuid).execute()
    unwell = HostDescription("gone", "cpu", "", 0, 0, 1, healthy=False, reason="it broke")
    (run_directory(runtime.settings.data_dir) / "gone.host").write_bytes(msgspec.json.encode(unwell))
    yield
    yield clusters.move_cluster(runtime, owner, cluster.uuid, runtime.host_uuids["cpu0"]) and None
    yield clusters.set_visibility(owner, cluster.uuid, "shared") and None
    yield datasets.set_visibility(owner, dataset.uuid, "shared") and None
    yield checkpoints.set_visibility(owner, saved.uuid, "shared") and None
    yield clusters.renew_lease(owner, cluster.uuid, None) and None
    yield datasets.renew_lease(owner, dataset.uuid, None) and None

    other = clusters.create_cluster(runtime, owner, "second")
    yield
    Cluster.update(host="gone").where(Cluster.uuid == other.uuid).execute()
    yield
    learning = tasks.train(runtime, owner, other.uuid, "first", inputs, outputs)
    yield
    yield tasks.delete_task(runtime, owner, other.uuid, learning.uuid)
    yield checkpoints.delete_checkpoint(runtime, owner, saved.uuid)
    tasks.request(runtime, owner, cluster.uuid, "again", inputs, [ResultColumn("label", "guess")])
    yield
    yield clusters.delete_cluster(runtime, owner, cluster.uuid)
    yield clusters.delete_cluster(runtime, owner, other.uuid)
    for row in list(datasets.list_datasets(owner)):
        yield datasets.delete_dataset(runtime, owner, row.uuid)
    pair = keypairs.create_keypair(runtime, owner).pair
    yield
    yield keypairs.deactivate_keypair(owner, pair.access_key) and None
    yield keypairs.activate_keypair(owner, pair.access_key) and None
    yield keypairs.delete_keypair(owner, pair.access_key)
    keypairs.create_keypair(runtime, admin, user_id=user)
    yield
    home = backendai_dotfiles.of_user(runtime, user)
    yield backendai_dotfiles.create_dotfile(home, ".netrc", "first", "600") and None
    yield backendai_dotfiles.update_dotfile(home, ".netrc", "second", "600")
    yield backendai_dotfiles.delete_dotfile(home, ".netrc")
    stored = backendai_templates.create_template(runtime, owner, room, SESSION_TEMPLATE)
    yield
    yield backendai_templates.update_template(runtime, owner, stored.uuid, SESSION_TEMPLATE)
    yield backendai_templates.delete_template(runtime, owner, stored.uuid)
    cookie = web_sessions.begin(runtime, Principal(user, "1.0", room, "a place"))
    yield
    yield web_sessions.end(cookie) and None
    yield web_sessions.forget_expired(runtime) and None
    yield schemes.forget_signatures(runtime) and None
    yield from with_folders(runtime, owner, admin)
    yield quotas.set_quota(runtime, admin, Holder("user", user), "clusters", 5)
    yield quotas.reset_quotas(admin, Holder("user", user))
    yield projects.unassign(admin, user, room) and None
    yield projects.assign(admin, user, room, "member") and None
    yield projects.delete_project(runtime, admin, room)
    yield users.delete_user(runtime, admin, user)


def with_folders(runtime: Runtime, owner: Access, admin: Access) -> Iterator[None]:
    """Do everything with folders."""
    guest = Actor("guest", "Guest", OWNER.project_id, "member")
    yield users.create_user(runtime, admin, guest.user_id, "Guest", "long enough") and None
    yield projects.assign(admin, guest.user_id, OWNER.project_id, "member") and None
    uuid = folders.create_folder(runtime, owner, "texts").uuid
    yield
    yield folders.rename_folder(owner, uuid, "books") and None
    yield folders.set_options(owner, uuid, cloneable=True) and None
    sent, dropped, _late = (folders.begin_upload(runtime, owner, uuid, name, 2).token for name in "abc")
    yield
    yield folders.append(runtime, sent, 0, [b"12"]) and None
    sent = folders.begin_upload(runtime, owner, uuid, "a", 2).token
    yield
    yield folders.append(runtime, sent, 0, [b"34"]) and None
    yield from with_tables(runtime, owner, uuid)
    yield folders.withdraw_upload(runtime, dropped)
    folders.FolderUpload.update(ends_at=0.0).execute()
    yield
    yield upkeep.clean_up(runtime)
    yield folders.make_directory(runtime, owner, uuid, "d")
    yield folders.move_file(runtime, owner, uuid, "a", "d")
    yield folders.rename_file(runtime, owner, uuid, "d/a", "b")
    [invitation] = folders.invite(runtime, owner, uuid, ["guest"], "rw")
    yield
    yield folders.accept_invitation(of(runtime, guest), invitation.uuid) and None
    copy = folders.clone_folder(runtime, of(runtime, guest), uuid, "copy").folder.uuid
    yield
    yield folders.leave_folder(of(runtime, guest), uuid)
    [invitation] = folders.invite(runtime, owner, uuid, ["guest"], "rw")
    yield
    yield folders.close_invitation(owner, invitation.uuid)
    yield folders.delete_files(runtime, owner, uuid, ["d"], recursive=True) and None
    yield folders.delete_folder(runtime, of(runtime, guest), copy)
    yield folders.delete_folder(runtime, owner, uuid)
    yield upkeep.recover(runtime)
    yield users.delete_user(runtime, admin, guest.user_id)


def with_tables(runtime: Runtime, owner: Access, folder: str) -> Iterator[None]:
    """Make a dataset of a file in a folder, write it there, and delete it."""
    sent = folders.begin_upload(runtime, owner, folder, "rows.csv", len(CSV)).token
    yield
    yield folders.append(runtime, sent, 0, [CSV]) and None
    made = datasets_folders.import_dataset(runtime, owner, "csv", "rows", folder, {"input": "rows.csv"})
    yield
    yield work(runtime)
    yield datasets_folders.export_table(runtime, owner, made.uuid, "csv", folder, "rows.csv") and None
    yield work(runtime)
    yield datasets.delete_dataset(runtime, owner, made.uuid)


QUIET = {
    "passwords.py:seal_plain": "only of templates that were stored before passwords were encrypted",
    "accounts.py:_rehash": "only after the costs of a hash were changed",
    "service.py:trim": "looks at numbers only",
    "service.py:report_metrics": "only in a training that takes long; tells, and decides nothing",
    "decode.py:ended": "only of a decoding that failed",
    "importing.py:ended": "only of an import that failed",
    "service.py:end_direct_modes": "only when a lease is over; the write asks for that once more",
    "direct_lease.py:is_over": "only of direct modes that began before there were leases",
    "direct_lease.py:renew": "only where clients are connected; a lease decides nothing before it is over",
    "direct_lease.py:shorten": "likewise",
    "database.py:compare_and_set": "is what others call",
    "live.py:_reseed": "only of a first training with a seed",
    "validation.py:_change": "only of a training with validation",
    "usage.py:_store": "in a thread of its own; the write asks once more when that was",
}


def test_nothing_rests_on_an_earlier_look(
    runtime: Runtime,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with recorder.listening(monkeypatch):
        for _ in scenario(runtime):
            recorder.begin()
    assert recorder.findings == []
    assert Task.select().where(Task.state.not_in(("finished", "aborted"))).count() == 0
    writing = {f"{path.name}:{name}" for path in sources("hanami_plugins") for name, _ in writes(path)}
    assert writing - recorder.writers - QUIET.keys() == set()


# -- in the sources ---------------------------------------------------------------------------------------------------


@cache
def writes(path: Path) -> list[tuple[str, bool]]:
    """Return the functions of a file that change or remove rows, and whether they look at how many that were."""
    found = []
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef):
            continue
        ignored = {id(node.value) for node in ast.walk(function) if isinstance(node, ast.Expr)}
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and is_write(node):
                found.append((function.name, id(node) not in ignored))
    return found


def is_write(node: ast.Call) -> bool:
    if isinstance(node.func, ast.Name):
        return node.func.id == "compare_and_set"
    if not (isinstance(node.func, ast.Attribute) and node.func.attr == "execute"):
        return False
    called = [part.func.attr for part in ast.walk(node) if isinstance(part, ast.Call) and has_attribute(part.func)]
    return bool({"update", "delete"} & set(called))


def has_attribute(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute)


UNSEEN = {
    "passwords.py:seal_plain": "a template that was replaced meanwhile has no plain password any more",
    "contents.py:count": "a folder that is gone holds nothing",
    "service.py:forget_folder": "what belongs to a folder that this call has deleted",
    "sharing.py:forget_user": "what was permitted to a user who has been deleted",
    "leases.py:__call__": "all things with a lease that nobody uses",
    "accounts.py:remove_user": "memberships of a user that this call has deleted",
    "accounts.py:_rehash": "a passphrase that was changed meanwhile stays",
    "service.py:delete_project": "memberships in a project that this call has deleted",
    "service.py:report_metrics": "tells how a training goes; a cluster that is gone needs it no more",
    "decode.py:ended": "within the end of the task; a dataset that waits for another one stays",
    "importing.py:ended": "within the end of the task; an arrival that waits for another one stays",
    "service.py:discard": "uploads of a dataset that this call has decided about",
    "service.py:touch": "in the transaction that takes the dataset; more uploads do no harm",
    "service.py:discard_idle": "all uploads that are there",
    "service.py:trim": "rows that are too many, if there are some",
    "partitions.py:change": "the partition was locked by the write before",
    "contract.py:_locked": "the row that was just made",
    "partitions.py:forget": "ended tasks that nobody finds, as they were read in this transaction",
    "database.py:forget_deleted": "deleted rows; the condition is asked once more by the write",
    "service.py:forget": "limits of somebody whom this call has deleted",
    "service.py:reset_quotas": "all limits that are there",
    "history.py:store": "entries that the task itself has noted, which are replaced by their sum",
    "history.py:_thin": "entries that are too many, as they were read in this transaction",
    "history.py:forget_entries": "entries of tasks that this call removes, if there are some",
    "direct_lease.py:is_over": "direct modes without a lease, if there are some",
    "direct_lease.py:renew": "a cluster that has left direct mode needs no lease",
    "direct_lease.py:shorten": "likewise",
    "live.py:_reseed": "a network that was stored meanwhile keeps its weights",
    "lineage.py:move_lineage": "trainings of the holder that is replaced, if there are some",
    "lineage.py:forget_lineage": "likewise",
    "keyed.py:_note": "the row of this call, which goes only after a day",
    "keyed.py:_settle": "likewise",
    "keyed.py:forget": "keys that are old, if there are some",
    "schemes.py:forget_signatures": "signatures that are too old to be valid, if there are some",
    "web_sessions.py:end": "a login that has ended already",
    "web_sessions.py:end_all_of": "logins of a user whom this call has deleted, if there are some",
    "web_sessions.py:forget_expired": "logins that have expired, if there are some",
}


def test_whoever_writes_with_a_condition_looks_whether_a_row_met_it() -> None:
    found = {
        f"{path.name}:{name}"
        for path in sources("hanami_core", "hanami_plugins")
        if "testing" not in path.parts
        for name, looks in writes(path)
        if not looks
    }
    assert found == UNSEEN.keys()


WHOLE = {"save", "delete_instance", "delete_by_id", "set_by_id", "bulk_update"}


def test_no_row_is_written_as_a_whole() -> None:
    found = []
    for path in sources("hanami_core", "hanami_plugins"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in WHOLE and ast.unparse(node.value) not in SERVICES:
                found.append(f"{path.name}: {ast.unparse(node)}")
    assert found == ["database.py: super().save"] * 2  # which adds resources


SERVICES = {"checkpoints", "kinds", "service"}
"""What else can save something."""
