"""Who leads: a thread that is quick keeps the lead, one that is not loses it and finishes alone."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hanami_core.pauses import about_to_wait, told_of_waits
from hanami_server import lead as lead_module
from hanami_server.lead import Lead, Term

MOST = 2


class Loop:
    """A loop that works on jobs, and notes in which thread it leads and in which one a job ended."""

    def __init__(self) -> None:
        self.jobs: deque[Callable[[], object]] = deque()
        self.leaders: list[int] = []
        self.finished: list[bool] = []
        self.stop = False
        self.turn = threading.Condition()

    def step(self, term: Term) -> bool:
        with self.turn:
            self.leaders.append(threading.get_ident())
            self.turn.notify_all()
            self.turn.wait_for(lambda: self.stop or (self.jobs and self.lead.free), 0.01)
        while self.jobs and self.lead.free:
            job = self.jobs.popleft()
            with self.lead.working(term):
                job()
            self.finished.append(not term.over)
            if term.over:
                return True
        return not (self.stop and not self.jobs)

    def add(self, job: Callable[[], object]) -> None:
        with self.turn:
            self.jobs.append(job)
            self.turn.notify_all()


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    with ThreadPoolExecutor(MOST + 1) as executor:
        loop.lead = Lead(executor, MOST, loop.step)
        loop.lead.start()
        main = threading.Thread(target=watch, args=[loop.lead])
        main.start()
        yield loop
        loop.stop = True
        main.join(10)
    assert not main.is_alive()


def watch(lead: Lead) -> None:
    while not lead.watch():
        assert lead.moves()


def test_quick_work_changes_no_threads(loop: Loop) -> None:
    done = threading.Semaphore(0)
    for _ in range(100):
        loop.add(done.release)
    for _ in range(100):
        assert done.acquire(timeout=10)
    assert loop.finished[:99] == [True] * 99
    assert len(set(loop.leaders)) == 1


def test_slow_work_is_finished_by_its_thread_while_others_go_on(loop: Loop) -> None:
    go, quick = threading.Event(), threading.Event()
    loop.add(go.wait)
    loop.add(quick.set)
    assert quick.wait(10)
    assert not go.is_set()
    go.set()
    second = threading.Event()
    loop.add(second.set)
    assert second.wait(10)


def test_work_that_is_about_to_wait_gives_the_lead_away_although_nobody_watches() -> None:
    loop, go, quick, kept, waiting = Loop(), *(threading.Event() for _ in range(4))
    with ThreadPoolExecutor(MOST + 1) as executor:
        loop.lead = Lead(executor, MOST, loop.step)
        loop.lead.start()
        loop.add(lambda: (about_to_wait(), about_to_wait(), go.wait()))
        loop.add(quick.set)
        assert quick.wait(10)
        assert not go.is_set()
        # The last one that may work keeps the lead, whatever it says.
        loop.add(lambda: (about_to_wait(), waiting.set(), kept.wait()))
        assert waiting.wait(10)
        assert loop.lead.free == 1
        for one in (go, kept):
            one.set()
        loop.stop = True


def test_who_waits_elsewhere_tells_nobody() -> None:
    about_to_wait()
    told = []
    with told_of_waits(lambda: told.append(1)):
        about_to_wait()
    about_to_wait()
    assert told == [1]


def test_no_more_than_most_work_and_somebody_leads_all_the_same(loop: Loop) -> None:
    go, started = threading.Event(), threading.Semaphore(0)
    late = threading.Event()
    for _ in range(MOST):
        loop.add(lambda: (started.release(), go.wait()))
    for _ in range(MOST):
        assert started.acquire(timeout=10)
    loop.add(late.set)
    with loop.turn:
        rounds = len(loop.leaders)
        assert loop.turn.wait_for(lambda: len(loop.leaders) > rounds + 5, 10)
    assert not late.is_set()
    go.set()
    assert late.wait(10)


def test_slow_work_after_a_long_rest_is_noticed(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_module, "DROWSY", 0.02)
    with loop.turn:
        assert loop.turn.wait_for(lambda: loop.lead._drowsy, 10)
    monkeypatch.setattr(lead_module, "DROWSY", 600.0)
    go, quick = threading.Event(), threading.Event()
    loop.add(go.wait)
    loop.add(quick.set)
    assert quick.wait(10)
    go.set()


def test_what_the_loop_raises_reaches_who_watches() -> None:
    def step(term: Term) -> bool:
        raise SystemExit(3)

    with ThreadPoolExecutor(1) as executor:
        lead = Lead(executor, 1, step)
        lead.start()
        with pytest.raises(SystemExit):
            while not lead.watch():
                pass
