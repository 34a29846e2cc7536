"""How the plugin `users` slows down guessing."""

from __future__ import annotations

import fcntl
import multiprocessing
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hanami_core.clock import Clock
from hanami_core.errors import Unauthorized
from hanami_plugins.users import buckets
from hanami_plugins.users.buckets import ROW_BUCKETS, ROWS, SharedBuckets
from hanami_plugins.users.throttle import Throttle, network
from tests.lengths import choose
from tests.plugins.identity import HandClock, Site, add_user

DENIED = "ACCESS DENIED!\nUser or passphrase is incorrect."
HOME, AWAY = "192.0.2.1", "192.0.2.2"
DAYS = 5 * 86_400

MakeThrottle = Callable[[Clock, int, int], Throttle]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run" / "logins"


@pytest.fixture
def make(file: Path) -> MakeThrottle:
    """Return what makes the throttles of several processes."""
    return lambda clock, by_user, by_address: Throttle(SharedBuckets(clock, file), by_user, by_address)


def test_failures_use_up_attempts_and_time_brings_them_back(make: MakeThrottle) -> None:
    clock = HandClock()
    throttle = make(clock, 6, 100)
    assert [throttle.take("asdf", HOME).wait for _ in range(8)] == [0] * 6 + [10] * 2
    assert throttle.take("other", HOME).wait == 0
    clock.time += 4
    assert throttle.take("asdf", HOME).wait == 6
    clock.time += 6
    assert [throttle.take("asdf", HOME).wait, throttle.take("asdf", HOME).wait] == [0, 10]
    clock.time += 3600
    assert [throttle.take("asdf", HOME).wait for _ in range(7)] == [0] * 6 + [10]


def test_an_address_uses_up_its_attempts_whatever_users_it_tries(make: MakeThrottle) -> None:
    throttle = make(HandClock(), 6, 3)
    assert [throttle.take(f"user{number}", HOME).wait for number in range(5)] == [0] * 3 + [20] * 2
    assert throttle.take("user1", AWAY).wait == 0


def test_whoever_fails_in_the_name_of_a_user_does_not_lock_it_out(make: MakeThrottle) -> None:
    throttle = make(HandClock(), 6, 60)
    for _ in range(10):
        throttle.take("asdf", HOME)
    for _ in range(3):
        attempt = throttle.take("asdf", AWAY)
        assert attempt.wait == 0
        throttle.give_back(attempt)
        assert throttle.take("asdf", HOME).wait == 10


def test_many_addresses_have_one_attempt_each_once_those_of_the_user_are_used_up(make: MakeThrottle) -> None:
    throttle = make(HandClock(), 6, 60)
    addresses = [f"192.0.2.{number}" for number in range(100) for _ in range(3)]
    allowed = [address for address in addresses if not throttle.take("asdf", address).wait]
    assert len(allowed) == 6 + 98


def test_successes_use_up_nothing_and_give_nothing(make: MakeThrottle) -> None:
    throttle = make(HandClock(), 2, 3)
    for _ in range(10):
        attempt = throttle.take("asdf", HOME)
        assert attempt.wait == 0
        throttle.give_back(attempt)
    assert [throttle.take("asdf", HOME).wait for _ in range(3)] == [0, 0, 30]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a socket", "a socket"),
    ],
)
def test_addresses_that_one_client_has_count_as_one(address: str, counted: str) -> None:
    assert network(address) == counted


# -- the file that all processes share ---------------------------------------------------------------------------------


def test_made_up_users_and_addresses_do_not_fill_the_disk(make: MakeThrottle, file: Path) -> None:
    throttle = make(HandClock(), 1, 1)
    for number in range(2000):
        throttle.take(f"user{number}", f"address {number}")
    assert file.stat().st_size <= 32 + ROWS * ROW_BUCKETS * 32


def test_the_bucket_that_was_used_longest_ago_gives_way(make: MakeThrottle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "ROWS", 1)
    clock = HandClock()
    throttle = make(clock, 1000, 1)
    for number in range(ROW_BUCKETS):  # three buckets each
        clock.time += 1
        assert throttle.take("asdf", f"address {number}").wait == 0
    assert throttle.take("asdf", f"address {ROW_BUCKETS - 1}").wait == 60
    assert throttle.take("asdf", "address 0").wait == 0


def test_nobody_is_named_in_the_file(make: MakeThrottle, file: Path) -> None:
    make(HandClock(), 3, 3).take("tsugumi", HOME)
    content = file.read_bytes()
    assert not any(text in content for text in (b"tsugumi", HOME.encode()))
    assert file.stat().st_mode & 0o777 == 0o600
    other = file.with_name("other")
    Throttle(SharedBuckets(HandClock(), other), 3, 3).take("tsugumi", HOME)
    hashes = [{data[at : at + 16] for at in range(32, len(data), 32)} for data in (content, other.read_bytes())]
    assert hashes[0] & hashes[1] == {bytes(16)}


@pytest.mark.parametrize("days", [DAYS, -DAYS])
def test_attempts_come_back_whatever_the_clock_does(make: MakeThrottle, days: int) -> None:
    clock = HandClock(10.0 * DAYS)
    throttle = make(clock, 6, 100)
    for _ in range(2):
        assert [throttle.take("asdf", HOME).wait for _ in range(7)] == [0] * 6 + [10]
        clock.time += days


@pytest.mark.parametrize("content", [b"x", b"\xff" * 3_000_000, b"\x00" * 100])
def test_a_file_with_something_else_in_it_locks_nobody_out(make: MakeThrottle, file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    assert [make(HandClock(), 6, 100).take("asdf", HOME).wait for _ in range(7)] == [0] * 6 + [10]


def test_processes_count_together_and_go_on_after_a_start(make: MakeThrottle, file: Path) -> None:
    clock = HandClock()
    assert [make(clock, 4, 100).take("asdf", HOME).wait for _ in range(5)] == [0] * 4 + [15]
    file.unlink()
    assert [make(clock, 4, 100).take("asdf", HOME).wait for _ in range(5)] == [0] * 4 + [15]


def guess(file: Path, seed: int, rounds: int) -> int:
    """Try to log in many times, as a process of its own; return how many attempts were not given back."""
    throttle, chance, kept = Throttle(SharedBuckets(HandClock(), file), 1000, 100), random.Random(seed), 0
    for number in range(rounds):
        attempt = throttle.take(f"user {seed} {number}", HOME)
        if attempt.wait:
            continue
        if chance.random() < 0.9:
            throttle.give_back(attempt)
        else:
            kept += 1
    return kept


@pytest.mark.parametrize("rounds", [200, 1000])
def test_all_processes_together_have_the_attempts_of_one(make: MakeThrottle, file: Path, rounds: int) -> None:
    processes = choose(2, 4)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        kept = sum(pool.starmap(guess, [(file, seed, rounds) for seed in range(processes)], chunksize=1))
    throttle = make(HandClock(), 1000, 100)
    left = [throttle.take(f"user {number}", HOME).wait for number in range(150)].count(0)
    assert kept + left == 100
    assert (left == 0) == (rounds == 1000)


@contextmanager
def held(file: Path) -> Iterator[None]:
    file.parent.mkdir(exist_ok=True)
    with file.open("wb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        yield


@contextmanager
def barred(file: Path) -> Iterator[None]:
    file.mkdir(parents=True)
    yield
    file.rmdir()


@pytest.mark.parametrize("hinder", [held, barred])
def test_a_process_counts_by_itself_while_the_file_can_not_be_used(
    make: MakeThrottle,
    file: Path,
    hinder: Callable[[Path], Iterator[None]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(buckets, "PATIENCE", 0.01)
    throttle, other = (make(HandClock(), 3, 100) for _ in range(2))
    with hinder(file):
        assert [throttle.take("asdf", HOME).wait for _ in range(5)] == [0] * 3 + [20] * 2
        warned = [record.message for record in caplog.records]
        assert warned == ["failed logins are counted by each process for itself"]
        assert other.take("asdf", HOME).wait == 0
    assert [one.take("asdf", HOME).wait for one in (throttle, other) * 2] == [0] * 3 + [20]


# -- in a server -------------------------------------------------------------------------------------------------------


def test_guessing_is_slowed_down_and_told(tmp_path: Path) -> None:
    with Site(tmp_path, users__attempts=2) as site:
        add_user("asdf", is_admin=True)
        site.login("asdf")
        for _ in range(2):
            with pytest.raises(Unauthorized) as caught:
                site.login("asdf", "wrong password")
            assert str(caught.value) == DENIED
        with pytest.raises(Unauthorized, match=r"^ACCESS DENIED!\nToo many failed logins, try again in \d+ seconds\.$"):
            site.login("asdf")
