"""How the plugin `users` slows down guessing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanami_core.errors import Unauthorized
from hanami_plugins.users.throttle import CAPACITY, Throttle, network
from tests.plugins.identity import HandClock, Site, add_user

DENIED = "ACCESS DENIED!\nUser or passphrase is incorrect."
HOME, AWAY = "192.0.2.1", "192.0.2.2"


def test_failures_use_up_attempts_and_time_brings_them_back() -> None:
    clock = HandClock()
    throttle = Throttle(clock, 6, 100)
    assert [throttle.take("asdf", HOME).wait for _ in range(8)] == [0] * 6 + [10] * 2
    assert throttle.take("other", HOME).wait == 0
    clock.time += 4
    assert throttle.take("asdf", HOME).wait == 6
    clock.time += 6
    assert [throttle.take("asdf", HOME).wait, throttle.take("asdf", HOME).wait] == [0, 10]
    clock.time += 3600
    assert [throttle.take("asdf", HOME).wait for _ in range(7)] == [0] * 6 + [10]


def test_an_address_uses_up_its_attempts_whatever_users_it_tries() -> None:
    throttle = Throttle(HandClock(), 6, 3)
    assert [throttle.take(f"user{number}", HOME).wait for number in range(5)] == [0] * 3 + [20] * 2
    assert throttle.take("user1", AWAY).wait == 0


def test_whoever_fails_in_the_name_of_a_user_does_not_lock_it_out() -> None:
    throttle = Throttle(HandClock(), 6, 60)
    for _ in range(10):
        throttle.take("asdf", HOME)
    for _ in range(3):
        attempt = throttle.take("asdf", AWAY)
        assert attempt.wait == 0
        throttle.give_back(attempt)
        assert throttle.take("asdf", HOME).wait == 10


def test_many_addresses_have_one_attempt_each_once_those_of_the_user_are_used_up() -> None:
    throttle = Throttle(HandClock(), 6, 60)
    addresses = [f"192.0.2.{number}" for number in range(100) for _ in range(3)]
    allowed = [address for address in addresses if not throttle.take("asdf", address).wait]
    assert len(allowed) == 6 + 98


def test_successes_use_up_nothing_and_give_nothing() -> None:
    throttle = Throttle(HandClock(), 2, 3)
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


def test_made_up_users_and_addresses_do_not_fill_the_memory() -> None:
    throttle = Throttle(HandClock(), 1, 1)
    for number in range(CAPACITY + 5):
        throttle.take(f"user{number}", f"address {number}")
    assert [len(kept) for kept in (throttle._users, throttle._addresses, throttle._pairs)] == [CAPACITY] * 3


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
