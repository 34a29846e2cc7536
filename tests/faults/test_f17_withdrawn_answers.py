"""F17: an answer that lasts ends within 5 s when its reader is deleted, leaves the project, or is refused by a rule."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hanami_core import hookimpl
from hanami_core.access import Action, Actor, Rule
from hanami_core.http import Empty, Events, Route, ServerEvent, Stream
from hanami_core.testing.apps import plugin_point
from tests.whole import Whole

LIMIT = 5.0
LONGEST = 12.0
USER = "reader"


class Streams:
    """A plugin whose answers last until their readers go, and a rule that may refuse them."""

    def __init__(self) -> None:
        self.begun, self.refuses = threading.Semaphore(0), False

    def module(self) -> ModuleType:
        def routes() -> list[Route]:
            return [
                Route("GET", "/lasting/events", "lasting.events", Empty, Events, lambda *_: Events(self.events())),
                Route("GET", "/lasting/stream", "lasting.stream", Empty, Stream, lambda *_: Stream(self.parts())),
            ]

        def rules(actor: Actor, action: Action) -> list[Rule]:
            refused = self.refuses and action.name.startswith("lasting.")
            return [Rule(False, "access_denied")] if refused else []

        module = ModuleType("lasting")
        vars(module)["hanami_routes"] = hookimpl(routes, specname="hanami_routes")
        vars(module)["hanami_access_rules"] = hookimpl(rules, specname="hanami_access_rules")
        return module

    def parts(self) -> Iterator[bytes]:
        end = time.monotonic() + LONGEST
        self.begun.release()
        while time.monotonic() < end:
            yield b"."
            time.sleep(0.02)

    def events(self) -> Iterator[ServerEvent | None]:
        yield from (None for _ in self.parts())


@pytest.fixture
def streams() -> Streams:
    return Streams()


@pytest.fixture
def whole(tmp_path: Path, streams: Streams) -> Iterator[Whole]:
    with Whole(tmp_path, plugin_point("lasting", streams.module())) as opened:
        yield opened


def delete_user(whole: Whole, streams: Streams) -> None:
    assert whole.call("DELETE", "user", id=USER).status_code == 200


def remove_from_project(whole: Whole, streams: Streams) -> None:
    assert whole.call("DELETE", "user/project", id=USER, project_id="test_project").status_code == 200


def refuse(whole: Whole, streams: Streams) -> None:
    streams.refuses = True


def read(whole: Whole, token: str, path: str) -> Any:
    try:
        return whole.call("GET", path, as_token=token)
    except ConnectionAbortedError as error:
        return error
    finally:
        whole.runtime.database.disconnect()


@pytest.mark.parametrize("withdraw", [delete_user, remove_from_project, refuse])
@pytest.mark.parametrize("path", ["lasting/events", "lasting/stream"])
def test_an_answer_ends_with_the_access_of_its_reader(
    whole: Whole, streams: Streams, path: str, withdraw: Callable[[Whole, Streams], None]
) -> None:
    token, found = whole.member(USER), list[Any]()
    reader = threading.Thread(target=lambda: found.append(read(whole, token, path)))
    reader.start()
    assert streams.begun.acquire(timeout=10)
    withdraw(whole, streams)
    reader.join(LIMIT)
    assert [type(one) for one in found] == [ConnectionAbortedError]


def test_answers_of_others_go_on(whole: Whole, streams: Streams) -> None:
    whole.member(USER)
    found = list[Any]()
    reader = threading.Thread(target=lambda: found.append(read(whole, whole.token, "lasting/stream")))
    reader.start()
    assert streams.begun.acquire(timeout=10)
    delete_user(whole, streams)
    reader.join(LIMIT)
    assert found == []
    reader.join(LONGEST)
    assert found[0].status_code == 200
