"""Who works, who waits, and who is sent away."""

from __future__ import annotations

import threading

import pytest

from hanami_core.errors import Unavailable
from hanami_core.places import Places


def refused(places: Places, who: str = "") -> bool:
    try:
        with places.taken(who):
            return False
    except Unavailable as error:
        return error.code == "busy" and error.parameters["retry_after"] == 1


def test_places_are_given_back_also_after_an_error() -> None:
    places = Places("busy", 1, 2)
    with pytest.raises(KeyError), places.taken():
        assert places.free == 1
        raise KeyError
    assert places.free == 2


def test_who_comes_when_all_are_taken_is_sent_away() -> None:
    places = Places("busy", 2, 2)
    with places.taken("a"), places.taken("b"):
        assert refused(places, "c")
    assert not refused(places, "c")


def test_nobody_takes_all_of_them() -> None:
    places = Places("busy", 4, 4, each=2)
    with places.taken("a"), places.taken("a"):
        assert refused(places, "a")
        assert not refused(places, "b")
    assert not refused(places, "a")


def test_so_many_work_at_once_and_the_others_wait() -> None:
    places, begun, go = Places("busy", 1, 3), threading.Semaphore(0), threading.Event()

    def work() -> None:
        with places.taken():
            begun.release()
            go.wait(10)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.acquire(timeout=10)
    assert not begun.acquire(timeout=0.1)
    go.set()
    for thread in threads:
        thread.join()
    assert places.free == 3
