"""F25: duplicate submit, client retry after timeout, same Idempotency-Key with other body.

Injected by sending calls again, side by side, and after a kill at each write to the disk. Exactly one task; 409 on
mismatch.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hanami_core.http.keyed import KeyedCall, forget
from hanami_core.queue import Task
from hanami_plugins.checkpoints import service as checkpoints
from hanami_plugins.clusters import Cluster
from hanami_plugins.datasets.models import Dataset
from hanami_plugins.keypairs import KeyPair
from hanami_plugins.projects.models import Project
from hanami_plugins.uploads import Upload
from tests.faults.kit import awaited, keyed
from tests.plugins.test_checkpoints import Site
from tests.whole import Whole


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path) as opened:
        yield opened


def test_the_same_call_is_carried_out_once_and_answered_twice(whole: Whole) -> None:
    first, second = (keyed(whole, "key", "POST", "cluster", name="reader") for _ in range(2))
    assert (first.status_code, first.text) == (second.status_code, second.text)
    assert [answer.headers["idempotency-replayed"] for answer in (first, second)] == ["false", "true"]
    assert "idempotency-replayed" not in whole.call("GET", "cluster/all").headers
    assert first.headers["content-type"] == second.headers["content-type"]
    assert Cluster.select().count() == 1


def test_everything_that_creates_takes_keys(whole: Whole) -> None:
    csv = {"name": "table", "input_data_size": 8}
    for _ in range(2):
        assert keyed(whole, "a", "POST", "dataset/upload/csv", **csv).status_code == 200
        assert keyed(whole, "b", "POST", "project", id="physics", name="physics").status_code == 200
        answer = keyed(whole, "c", "POST", "user", id="somebody", name="somebody", password="a long passphrase")
        assert answer.status_code == 200
        v04 = {"name": "fourth", "inputLength": 8}
        assert keyed(whole, "d", "POST", "/control/v1/csv/dataset", **v04).status_code in (200, 400)
        assert keyed(whole, "e", "POST", "keypair", description="nightly").status_code == 200
    assert (Upload.select().count(), Project.active().count()) == (Dataset.select().count(), 1)
    assert KeyPair.select().count() == 1


def test_routes_that_create_are_keyed(whole: Whole) -> None:
    """Logins, places of users and announcements of files answer with tokens, which are secrets; checks create nothing.

    Clients of Backend.AI send no keys; what they have signed is carried out once.
    """
    mine = (bound for bound in whole.runtime.routes if bound.api.name != "backendai")
    posts = [bound for bound in mine if bound.route.method == "POST"]
    without = {bound.route.action for bound in posts if not bound.route.keyed}
    assert without == {"tokens.create", "memberships.add", "datasets.check", "clusters.predict", "folders.announce"}


def test_a_key_belongs_to_its_call(whole: Whole) -> None:
    keyed(whole, "key", "POST", "cluster", name="reader")
    others = [
        keyed(whole, "key", "POST", "cluster", name="other"),
        keyed(whole, "key", "POST", "project", id="reader", name="reader"),
    ]
    text = "This Idempotency-Key was used for another call"
    assert [(answer.status_code, answer.text) for answer in others] == [(409, text)] * 2
    assert (Cluster.select().count(), Project.active().count()) == (1, 0)


def test_keys_are_those_of_an_actor(whole: Whole) -> None:
    member = whole.member("somebody")
    uuids = {keyed(whole, "key", "POST", "cluster", as_token=who, name="mine").json["uuid"] for who in (None, member)}
    assert len(uuids) == Cluster.select().count() == 2


def test_what_was_refused_may_be_tried_again(whole: Whole) -> None:
    taken = whole.call("POST", "cluster", name="reader").json["uuid"]
    assert keyed(whole, "key", "POST", "cluster", name="reader").status_code == 409
    assert KeyedCall.select().count() == 0
    whole.call("DELETE", "cluster", uuid=taken)
    assert keyed(whole, "key", "POST", "cluster", name="reader").status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 256, "t\tab", "käse"])
def test_what_is_no_key_is_refused(whole: Whole, key: str) -> None:
    answer = keyed(whole, key, "POST", "cluster", name="reader")
    assert (answer.status_code, answer.text) == (400, "Idempotency-Key must have 1 to 255 printable characters")
    assert Cluster.select().count() == 0


def test_of_calls_at_the_same_time_one_is_carried_out(whole: Whole) -> None:
    together = threading.Barrier(8)

    def send(_: int) -> Any:
        together.wait(10.0)
        try:
            return keyed(whole, "key", "POST", "cluster", name="reader").text
        finally:
            whole.runtime.database.disconnect()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(send, range(8)))
    assert len(set(answers)) == 1
    assert json.loads(answers[0])["uuid"] == Cluster.get().uuid
    assert Cluster.select().count() == 1


def test_neither_keys_nor_secrets_can_be_read(whole: Whole, tmp_path: Path) -> None:
    secret = "a long passphrase nobody knows"
    keyed(whole, "my-secret-key", "POST", "user", id="somebody", name="somebody", password=secret)
    told = keyed(whole, "my-secret-key too", "POST", "keypair", description="nightly").json["secret_key"]
    assert KeyedCall.select().count() == 2
    content = b"".join(path.read_bytes() for path in tmp_path.glob("hanami.db*"))
    assert b"somebody" in content
    assert b"my-secret-key" not in content
    assert secret.encode() not in content
    assert told.encode() not in content


def test_keys_go_after_a_day(whole: Whole) -> None:
    keyed(whole, "old", "POST", "cluster", name="older")
    keyed(whole, "new", "POST", "cluster", name="newer")
    old = KeyedCall.select().order_by(KeyedCall.created_at).first()
    kept = whole.runtime.settings["http.keys"]
    assert kept == 24 * 3600
    KeyedCall.update(created_at=old.created_at - kept - 1.0).where(KeyedCall.key == old.key).execute()
    forget(whole.runtime)
    assert KeyedCall.select().count() == 1
    assert keyed(whole, "new", "POST", "cluster", name="newer").status_code == 200


def save(site: Site, cluster: str) -> Any:
    return keyed(site, "key", "POST", "cluster/save", name="first", cluster_uuid=cluster)


def test_a_call_that_waits_is_visible_to_whom_it_waits_for(tmp_path: Path) -> None:
    """A save waits for its task, which nobody sees before the commit. Who sends it again waits for the same task."""
    with Site(tmp_path) as site, ThreadPoolExecutor(2) as threads:

        def send() -> Any:
            try:
                return save(site, cluster)
            finally:
                site.runtime.database.disconnect()

        cluster = site.add()
        first = threads.submit(send)
        awaited(lambda: KeyedCall.select().where(KeyedCall.awaits != "").exists())
        second = threads.submit(send)
        assert not first.done()
        assert not second.done()
        site.work()
        answers = [first.result(30.0), second.result(30.0), save(site, cluster)]
        assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}
        assert [one.headers["idempotency-replayed"] for one in answers] == ["false", "true", "true"]
        assert Task.select().count() == 1
        assert KeyedCall.get().awaits == ""


def test_who_asks_again_for_a_task_that_fails_is_told_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SETTLE_SECONDS", 0.0)
    with Site(tmp_path) as site:
        cluster = site.add()
        assert save(site, cluster).status_code == 200  # it takes long, and goes on
        task = site.runtime.queue.claim("cpu0", "cpu0/here")
        assert task is not None
        site.runtime.queue.fail(task, "no disk")
        refused = [save(site, cluster) for _ in range(2)]
        assert [answer.status_code for answer in refused] == [500, 500]
        assert "no disk" in refused[0].text
        assert refused[0].text == refused[1].text
        assert Task.select().count() == 1


WAITING = """
import sys
from pathlib import Path
from tests.faults.kit import awaited, keyed
from tests.plugins.test_checkpoints import Site

with Site(Path(sys.argv[1])) as site:
    print("opened", flush=True)
    keyed(site, "key", "POST", "cluster/save", name="first", cluster_uuid=sys.argv[2])
"""


def test_whoever_waits_beside_a_process_that_is_killed_gets_the_answer(tmp_path: Path) -> None:
    """The first call has queued its task and waits; the second, of another process, waits as well when it is killed."""
    with Site(tmp_path) as site, ThreadPoolExecutor(1) as threads:
        cluster = site.add()
        site.runtime.database.disconnect()
        with subprocess.Popen([sys.executable, "-c", WAITING, str(tmp_path), cluster], stdout=subprocess.PIPE) as first:
            awaited(lambda: Task.select().exists(), 60.0)

            def send() -> Any:
                try:
                    return save(site, cluster)
                finally:
                    site.runtime.database.disconnect()

            second = threads.submit(send)
            first.kill()
            first.wait(10.0)
        assert not second.done()
        site.work()
        answer = second.result(30.0)
        assert (answer.status_code, answer.headers["idempotency-replayed"]) == (200, "true")
        assert answer.json["uuid"] == Task.get().uuid
        assert Task.select().count() == 1


def test_a_call_that_was_carried_out_and_never_answered_says_so(whole: Whole) -> None:
    """What a plugin commits in the middle of a call is not done twice; the process that made the answer is gone."""
    keyed(whole, "key", "POST", "cluster", name="reader")
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    KeyedCall.update(status=None, process=f"{whole.runtime.clock.boot()}/{gone.pid}/1").execute()
    answer = keyed(whole, "key", "POST", "cluster", name="reader")
    assert answer.status_code == 409
    assert answer.text.startswith("The call with this Idempotency-Key was carried out, and the server ended before")
    assert "retry-after" not in answer.headers
    assert Cluster.select().count() == 1


def test_a_call_that_is_being_carried_out_says_when_to_ask_again(whole: Whole) -> None:
    keyed(whole, "key", "POST", "cluster", name="reader")
    KeyedCall.update(status=None).execute()  # this process has committed, and is about to answer
    answer = keyed(whole, "key", "POST", "cluster", name="reader")
    assert (answer.status_code, answer.headers["retry-after"]) == (409, "1")


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("fault", ["pwrite64:when=1", "pwrite64:when=9", "fdatasync:when=2", "fdatasync:when=99"])
def test_a_kill_never_makes_it_happen_twice(tmp_path: Path, fault: str) -> None:
    """At a write of the transaction, when it is all in the log, and when it is done but not answered."""
    with Whole(tmp_path):
        pass
    program = [sys.executable, "-m", "tests.faults.kit", str(tmp_path), fault]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120)
    assert done.stdout == "armed\n", done.stderr
    assert done.returncode == -signal.SIGKILL, done.stderr
    with Whole(tmp_path) as whole:
        before = Cluster.select().count()
        assert before == fault.startswith("fdatasync")
        answer = keyed(whole, "key", "POST", "cluster", name="reader")
        assert answer.status_code == 200, answer.text
        assert answer.headers["idempotency-replayed"] == ("true" if before else "false")
        assert Cluster.get().uuid == answer.json["uuid"]
        assert Cluster.select().count() == 1
