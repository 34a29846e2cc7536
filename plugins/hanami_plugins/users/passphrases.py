"""Hashes of passphrases: argon2id, a few at once, and a few that wait. Knows no users.

They are made by threads that leave the processors to everybody else, because anybody may send a passphrase. Processes
take turns, so that logins never have all processors.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar

import argon2

from hanami_core.pauses import about_to_wait
from hanami_core.places import Places
from hanami_core.priority import step_back
from hanami_plugins.users.turns import Turns

__all__ = ["CONCURRENT_HASHES", "STEPS_BACK", "WAITING_HASHES", "Passphrases", "passphrases"]

CONCURRENT_HASHES = 2
"""A hash takes tens of MiB and all of a core; more at once would let logins starve everything else."""
WAITING_HASHES = 16
"""Hashes that wait for each of these. Whoever waits holds a thread, which the requests of others would need."""
STEPS_BACK = 3
"""Behind those who answer and those who compute: a flood of logins takes what they leave.

A login beside trainings on all processors still has a tenth of one.
"""

T = TypeVar("T")


class Passphrases:
    """Makes and checks hashes. Each of both raises `Unavailable` at once while too many others wait."""

    def __init__(self) -> None:
        """Start with the library's recommended cost."""
        self.limit(CONCURRENT_HASHES)
        self.configure(argon2.DEFAULT_TIME_COST, argon2.DEFAULT_MEMORY_COST)

    def configure(self, time_cost: int, memory_cost: int) -> None:
        """Set what new hashes cost, in rounds and KiB."""
        hasher = argon2.PasswordHasher(time_cost, memory_cost)
        self._hasher, self._decoy = hasher, _decoy(hasher)

    def limit(self, concurrent: int, most: int | None = None, turns: Turns | None = None) -> None:
        """Set how many hashes are made at once, and how many there may be together with those that wait.

        `turns` are those that the process takes with others.
        """
        self._turns = turns
        places = concurrent * (1 + WAITING_HASHES)
        self._places = Places("logins_busy", concurrent, max(min(places, most or places), 1))
        self._concurrent = concurrent
        self._threads = self._new_threads()

    def close(self) -> None:
        """End the threads when all hashes are made; whoever needs one later starts others."""
        threads, self._threads = self._threads, self._new_threads()
        threads.shutdown()

    def _new_threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._concurrent, "hash", step_back, (STEPS_BACK,))

    def hash(self, secret: bytes) -> str:
        """Return a new salted hash."""
        return self._made(lambda: self._hasher.hash(secret))

    def matches(self, stored: str | None, secret: bytes) -> bool:
        """Tell whether `stored` is a hash of `secret`. None never is, which takes just as long to find out."""

        def compare() -> bool:
            try:
                return self._hasher.verify(stored or self._decoy, secret) and stored is not None
            except argon2.exceptions.VerifyMismatchError:
                return False

        return self._made(compare)

    def _made(self, work: Callable[[], T]) -> T:
        about_to_wait()
        with self._places.taken():
            return self._threads.submit(self._in_turn, work).result()

    def _in_turn(self, work: Callable[[], T]) -> T:
        with self._turns.taken() if self._turns else nullcontext():
            return work()

    def outdated(self, stored: str) -> bool:
        """Tell whether a hash was made at another cost than the current one."""
        return self._hasher.check_needs_rehash(stored)


def _decoy(hasher: argon2.PasswordHasher) -> str:
    """Return a hash of nothing in particular; checking it costs what checking a real one costs."""
    salt, digest = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"


passphrases = Passphrases()
"""The process' hashes; one object, because the limit of concurrent hashes is one for the process."""
