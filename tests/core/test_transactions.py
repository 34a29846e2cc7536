"""What waits for the end of a transaction, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest

from hanami_core.errors import HanamiError
from hanami_core.storage.contract import Database
from hanami_core.storage.database import SectionLock, after_commit, after_transaction, atomic, exclusive, hold, proxy
from hanami_core.testing.storage import bound_to, make_core_tables


@pytest.fixture(autouse=True)
def database(tmp_path: Path) -> Iterator[None]:
    with bound_to(Database(peewee.SqliteDatabase(str(tmp_path / "some.db")))):
        make_core_tables()
        yield


@pytest.fixture
def done() -> list[str]:
    return []


def fails() -> None:
    raise ValueError("no more")


def test_outside_of_a_transaction_nothing_waits(done: list[str]) -> None:
    after_commit(lambda: done.append("commit"))
    after_transaction(lambda: done.append("end"))
    assert done == ["commit", "end"]


@pytest.mark.parametrize("begin", [atomic, lambda: exclusive("section")])
def test_an_action_waits_for_the_outermost_commit(begin: object, done: list[str]) -> None:
    with begin():  # type: ignore[operator]
        with atomic():
            after_commit(lambda: done.append("inner"))
        after_commit(lambda: done.append("outer"))
        assert done == []
    assert done == ["inner", "outer"]


def test_what_is_rolled_back_takes_its_actions_along(done: list[str]) -> None:
    with atomic():
        after_commit(lambda: done.append("kept"))
        with pytest.raises(ValueError), atomic():
            after_commit(lambda: done.append("lost"))
            fails()
    with pytest.raises(ValueError), atomic():
        with atomic():
            after_commit(lambda: done.append("lost with the outer one"))
        fails()
    with atomic():
        pass
    assert done == ["kept"]


def test_a_commit_that_fails_commits_nothing(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(peewee.OperationalError), atomic():
        after_commit(lambda: done.append("commit"))
        after_transaction(lambda: done.append("end"))
        monkeypatch.setattr(proxy.obj, "commit", lambda: (_ for _ in ()).throw(peewee.OperationalError("disk full")))
    assert done == ["end"]


def test_whoever_asks_peewee_for_a_transaction_is_waited_for_too(done: list[str]) -> None:
    with proxy.atomic():
        with atomic():
            after_commit(lambda: done.append("commit"))
        assert done == []
    with pytest.raises(ValueError), proxy.atomic():
        with atomic():
            after_commit(lambda: done.append("lost"))
        fails()
    assert done == ["commit"]


def test_an_action_that_fails_stops_no_other(done: list[str], caplog: pytest.LogCaptureFixture) -> None:
    with atomic():
        after_commit(fails)
        after_commit(lambda: done.append("next"))
    assert done == ["next"]
    assert [record.message for record in caplog.records] == ["an action after a transaction failed"]


def test_an_action_may_begin_a_transaction_of_its_own(done: list[str]) -> None:
    def more() -> None:
        with atomic():
            after_commit(lambda: done.append("more"))
        done.append("then")

    with atomic():
        after_commit(more)
        after_commit(lambda: done.append("last"))
    assert done == ["more", "then", "last"]


def test_what_must_be_told_anyway_waits_for_the_end_however_it_comes(done: list[str]) -> None:
    with pytest.raises(ValueError), atomic():
        with pytest.raises(ValueError), atomic():
            after_transaction(lambda: done.append("told"))
            fails()
        assert done == []
        fails()
    with atomic():
        after_transaction(lambda: done.append("again"))
        assert done == ["told"]
    assert done == ["told", "again"]


def test_a_row_is_held_within_a_transaction_only() -> None:
    with pytest.raises(HanamiError, match="within a transaction"):
        hold(SectionLock, SectionLock.name == "section")
    with exclusive("section"):
        assert hold(SectionLock, SectionLock.name == "section")
        assert not hold(SectionLock, SectionLock.name == "other")
