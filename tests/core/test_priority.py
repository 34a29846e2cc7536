"""Threads that leave the processors to others."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from hanami_core.priority import LOWEST, STEP, step_back


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_steps_back_behind_the_one_that_started_it() -> None:
    before = priority()
    with ThreadPoolExecutor(1, initializer=step_back) as threads:
        assert threads.submit(priority).result(10) == min(before + STEP, LOWEST)
    assert priority() == before


def test_a_thread_steps_back_as_far_as_it_is_told() -> None:
    with ThreadPoolExecutor(1, initializer=step_back, initargs=(2,)) as threads:
        assert threads.submit(priority).result(10) == min(priority() + 2 * STEP, LOWEST)
