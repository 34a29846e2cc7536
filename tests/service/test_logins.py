"""What ends a token, and who may try to log in how often, on real servers."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.local import LocalServer
from tests.server.harness import descendants, until
from tests.service.wire import Wire, receive

SECRET = "a long passphrase"
GRACE = 5.0
"""Seconds within which a token must have ended everywhere."""
BUSY = (503, "Too many logins at once, try again in 1 seconds.")
DENIED = (401, "ACCESS DENIED!\nUser or passphrase is incorrect.")
ENDED = (401, "Failed to validate JWT-Token with error: invalid token supplied")
WRONG = "wrong passphrase"
PROXY = "127.0.0.1"
NUMBERS = itertools.count(1)
"""Of guests."""

FLAGS = ("--set=users.argon2_time=1", "--set=users.argon2_memory=1024")
STRICT = ("--set=users.attempts=3", "--set=users.address_attempts=6")
"""Many logins fail here, so they should cost little."""


# -- what ends a token -------------------------------------------------------------------------------------------------


class Workers:
    """A server whose requests are answered by two processes."""

    def __init__(self, server: LocalServer) -> None:
        self.pids = sorted(pid for pid in descendants(server.pid) if worker(pid))
        self.wire = Wire(server.address)
        self.wire.token = self.wire.login(server.user, server.passphrase)

    @contextlib.contextmanager
    def only(self, number: int) -> Iterator[Wire]:
        """Let one of them answer, while the other one is stopped."""
        os.kill(self.pids[1 - number], signal.SIGSTOP)
        try:
            until(lambda: stands_still(self.pids[1 - number]))
            yield self.wire
        finally:
            os.kill(self.pids[1 - number], signal.SIGCONT)


def stands_still(pid: int) -> bool:
    """Tell whether all threads of a process are stopped; any other one might still accept a connection."""
    tasks = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(task.read_text().rpartition(")")[2].split()[0] == "T" for task in tasks)


def worker(pid: int) -> bool:
    """Tell whether a process is a worker of the api."""
    with contextlib.suppress(OSError):
        return command(pid).startswith("gunicorn: worker [hanami_server.api]")
    return False


def command(pid: int) -> str:
    with open(f"/proc/{pid}/cmdline") as file:
        return file.read()


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with LocalServer(tmp_path_factory.mktemp("workers") / "data", "--set=http.workers=2", *FLAGS) as server:
        yield Workers(server)


def test_there_are_two_workers(workers: Workers) -> None:
    assert len(workers.pids) == 2
    for number in (0, 1):
        with workers.only(number) as wire:
            assert wire.query("GET", "cluster/all").status == 200


def delete_user(wire: Wire, user: str) -> None:
    assert wire.query("DELETE", "user", id=user).status == 200


def delete_and_create_user(wire: Wire, user: str) -> None:
    delete_user(wire, user)
    make_user(wire, user)


def change_role(wire: Wire, user: str) -> None:
    take_place(wire, user)
    place = {"id": user, "project_id": "rooms", "role": "guest"}
    assert wire.body("POST", "user/project", place).status == 200


def take_place(wire: Wire, user: str) -> None:
    assert wire.query("DELETE", "user/project", id=user, project_id="rooms").status == 200


def delete_project(wire: Wire, user: str) -> None:
    assert wire.query("DELETE", "project", id="rooms").status == 200


def change_passphrase(wire: Wire, user: str) -> None:
    assert wire.body("PUT", "user/passphrase", {"id": user, "password": "another passphrase"}).status == 200


def make_user(wire: Wire, user: str) -> None:
    wire.body("POST", "project", {"id": "rooms", "name": "Rooms"})
    assert wire.body("POST", "user", {"id": user, "name": user, "password": SECRET}).status == 200
    place = {"id": user, "project_id": "rooms", "role": "member", "is_project_admin": True}
    assert wire.body("POST", "user/project", place).status == 200


ENDS: list[Callable[[Wire, str], None]] = [
    delete_user,
    delete_and_create_user,
    change_role,
    take_place,
    delete_project,
    change_passphrase,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
@pytest.mark.parametrize("number", [0, 1])
def test_a_token_ends_in_the_worker_that_was_not_told(workers: Workers, end: Any, number: int) -> None:
    user = f"{end.__name__}_{number}"
    with workers.only(1 - number) as wire:
        make_user(wire, user)
        token = wire.login(user, SECRET)
    with workers.only(number) as wire:
        for _ in range(3):
            assert wire.query("GET", "dataset/all", token).status == 200
    with workers.only(1 - number) as wire:
        end(wire, user)
    begin = time.monotonic()
    with workers.only(number) as wire:
        until(lambda: wire.query("GET", "dataset/all", token).status == 401, GRACE, "the token lives on")
        assert time.monotonic() - begin < GRACE
        assert wire.query("GET", "dataset/all", token) == ENDED
        assert wire.body("PUT", "token", {"project_id": "rooms"}, token) == ENDED
        socket = websocket.create_connection(wire.address.replace("http", "ws"), timeout=10)
        socket.send(f'{{"token": "{token}", "target": "file_upload", "uuid": "x"}}')
        assert "Token invalid" in socket.recv()
        socket.close()


def test_a_changed_place_leaves_other_tokens_alone(workers: Workers) -> None:
    wire = workers.wire
    make_user(wire, "two_places")
    wire.body("POST", "project", {"id": "other_rooms", "name": "Other rooms"})
    wire.body("POST", "user/project", {"id": "two_places", "project_id": "other_rooms", "role": "member"})
    token = wire.login("two_places", SECRET)
    for path, method in (("token", "PUT"), ("user/project", "POST")):
        switched = wire.body(method, path, {"project_id": "other_rooms"}, token)
        assert switched.status == 200
        assert sorted(switched.json) == ["id", "is_admin", "name", "token"]
        asked = wire.query("GET", "auth", switched.json["token"]).json
        assert (asked["project_id"], asked["is_project_admin"]) == ("other_rooms", False)
    take_place(wire, "two_places")
    for number in (0, 1):
        with workers.only(number):
            assert wire.query("GET", "dataset/all", token) == ENDED
            assert wire.query("GET", "dataset/all", switched.json["token"]).status == 200


# -- how often one may try ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server of two processes that allow few failed logins; it takes longer than a test until there is another one.

    Nobody can tell which of them answers.
    """
    flags = ("--set=http.workers=2", *FLAGS, *STRICT, f"--set=http.proxies={PROXY}")
    with LocalServer(tmp_path_factory.mktemp("strict") / "data", *flags) as server:
        yield server


@dataclass(frozen=True)
class Guest:
    """A user, and addresses of this machine: no other test tries to log in with one of them."""

    server: LocalServer
    user: str
    home: str
    away: str
    elsewhere: str

    def attempt(self, passphrase: str, source: str, *fields: str, user: str = "") -> tuple[int, str]:
        """Try to log in, and return status and text."""
        return attempt(self.server, user or self.user, passphrase, source, *fields)


@pytest.fixture
def guest(strict: LocalServer) -> Guest:
    number = next(NUMBERS)
    wire = Wire(strict.address)
    wire.token = wire.login(strict.user, strict.passphrase)
    make_user(wire, f"guest_{number}")
    return Guest(strict, f"guest_{number}", *(f"127.0.{number}.{house}" for house in (1, 2, 3)))


def attempt(server: LocalServer, user: str, passphrase: str, source: str, *fields: str) -> tuple[int, str]:
    """Try to log in from an address of this machine, and return status and text."""
    wire = Wire(server.address, source=source)
    body = f'{{"id": "{user}", "password": "{passphrase}"}}'.encode()
    return wire.send(wire.head("POST", "token", f"Content-Length: {len(body)}", *fields) + body)


def too_many(answer: tuple[int, str]) -> bool:
    status, text = answer
    before, _, after = text.partition("Too many failed logins, try again in ")
    return status == 401 and before == "ACCESS DENIED!\n" and 0 < int(after.removesuffix(" seconds.")) <= 60


def test_a_user_has_so_many_attempts_and_is_not_locked_out(guest: Guest) -> None:
    for _ in range(3):
        assert guest.attempt(WRONG, guest.away) == DENIED
    for _ in range(3):
        assert too_many(guest.attempt(WRONG, guest.away))
    assert too_many(guest.attempt(SECRET, guest.away))
    for _ in range(3):
        status, text = guest.attempt(SECRET, guest.home)
        assert (status, '"token"' in text) == (200, True)
    assert guest.attempt(WRONG, guest.elsewhere) == DENIED
    assert too_many(guest.attempt(WRONG, guest.elsewhere))


def test_an_address_has_so_many_attempts_whatever_users_it_tries(guest: Guest) -> None:
    for number in range(6):
        assert guest.attempt(WRONG, guest.away, user=f"{guest.user}_{number}") == DENIED
    assert too_many(guest.attempt(WRONG, guest.away, user=f"{guest.user}_7"))
    assert too_many(guest.attempt(SECRET, guest.away))
    assert guest.attempt(SECRET, guest.home)[0] == 200


def test_attempts_at_the_same_time_count_in_all_processes(guest: Guest) -> None:
    def guess(number: int) -> tuple[int, str]:
        while (answer := guest.attempt(WRONG, guest.away, user=f"{guest.user}_{number}"))[0] == 503:
            assert answer == BUSY
        return answer

    begin = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(guess, range(60)))
    back = (time.monotonic() - begin) / 10  # one in ten seconds
    denied = answers.count(DENIED)
    assert 6 <= denied <= 6 + back
    assert all(map(too_many, (answer for answer in answers if answer != DENIED)))


def test_a_restart_forgets_no_failed_login(guest: Guest) -> None:
    begin = time.monotonic()
    for _ in range(3):
        assert guest.attempt(WRONG, guest.away) == DENIED
    guest.server.stop()
    guest.server.resume()
    denied = 0
    while (answer := guest.attempt(WRONG, guest.away)) == DENIED:
        denied += 1
    assert too_many(answer)
    assert denied <= (time.monotonic() - begin) / 10  # one in ten seconds is given back, however long a start takes


def test_a_process_that_is_stopped_locks_nobody_out(guest: Guest) -> None:
    with (guest.server.data_dir / "run" / "logins").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for _ in range(4):
            assert guest.attempt(SECRET, guest.home)[0] == 200


def test_clients_behind_a_proxy_are_told_apart(guest: Guest) -> None:
    def forwarded(address: str, passphrase: str, source: str = PROXY) -> tuple[int, str]:
        return guest.attempt(passphrase, source, f"X-Forwarded-For: {address}")

    for _ in range(3):
        assert forwarded("192.0.2.7", WRONG) == DENIED
    assert too_many(forwarded("203.0.113.5, 192.0.2.7", SECRET))
    assert forwarded("192.0.2.8", SECRET)[0] == 200
    for number in range(4):  # whoever is not a proxy cannot pretend to be others
        answer = forwarded(f"192.0.2.{number + 10}", WRONG, guest.away)
        assert answer == DENIED if number == 0 else too_many(answer)


def test_guesses_at_the_current_passphrase_count_too(guest: Guest) -> None:
    wire = Wire(guest.server.address, source=guest.away)
    wire.token = wire.login(guest.user, SECRET)
    fields = {"password": "another passphrase", "current_password": WRONG}
    for _ in range(3):
        assert wire.body("PUT", "user/passphrase", fields) == DENIED
    assert too_many(wire.body("PUT", "user/passphrase", fields))
    assert too_many(wire.body("PUT", "user/passphrase", fields | {"current_password": SECRET}))
    assert wire.query("GET", "cluster/all").status == 200


@pytest.mark.long
def test_many_logins_at_once_hold_up_nobody_else(tmp_path: Path) -> None:
    costly = {"users.argon2_time": 10, "users.argon2_memory": 65536, "http.workers": 1, "http.threads": 16}
    with LocalServer(tmp_path / "data", settings=costly) as server, contextlib.ExitStack() as stack:
        wire = Wire(server.address)
        wire.token = wire.login(server.user, server.passphrase)
        sockets = [stack.enter_context(wire.connect()) for _ in range(100)]
        for number, connection in enumerate(sockets):
            body = json.dumps({"id": f"user{number}", "password": "wrong passphrase"}).encode()
            connection.sendall(wire.head("POST", "token", f"Content-Length: {len(body)}", token="") + body)
        first, _, _ = select.select(sockets, [], [], 60)
        answers = [receive(connection) for connection in first]
        assert set(answers) <= {BUSY, DENIED}
        assert wire.query("GET", "cluster/all").status == 200
        # It did not wait for those that came before it.
        answered, _, _ = select.select(set(sockets) - set(first), [], [], 0)
        answers += [receive(connection) for connection in answered]
        assert answers.count(DENIED) < 20
        answers += [receive(connection) for connection in set(sockets) - set(first) - set(answered)]
        assert set(answers) == {BUSY, DENIED}
        assert wire.login(server.user, server.passphrase)
