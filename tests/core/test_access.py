"""How rules combine."""

from __future__ import annotations

from collections.abc import Iterator

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanami_core.access import Access, Action, Actor, Rule
from hanami_core.errors import Forbidden, NotFound
from hanami_core.storage.contract import Database
from hanami_core.storage.database import OwnedRecord, Record
from hanami_core.testing.storage import bound_to

ACTOR = Actor("tsugumi", "Tsugumi", "test_project", "member")
ACTION = Action("things.get", "GET", "v1.0alpha/thing", "read", ("member",))


class Thing(OwnedRecord):
    """An owned resource."""


class Place(Record):
    """A record with an identifier that users choose."""

    id = peewee.CharField(256)


@pytest.fixture(scope="module", autouse=True)
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    opened = Database(peewee.SqliteDatabase(tmp_path_factory.mktemp("access") / "hanami.db"))
    with bound_to(opened):
        opened.driver.create_tables([Thing, Place])
        yield


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    yield
    Thing.delete().execute()
    Place.delete().execute()


def access(*rules: Rule) -> Access:
    return Access(ACTOR, ACTION, lambda actor, action: rules)


def thing(name: str) -> Thing:
    return Thing.create(project_id="test_project", owner_id="tsugumi", name=name)


# -- the action itself -------------------------------------------------------------------------------------------------


def test_one_rule_that_allows_is_enough() -> None:
    access(Rule(True)).require()


@pytest.mark.parametrize("rules", [(), (Rule(True, where=peewee.SQL("1 = 1")),)])
def test_what_no_rule_mentions_is_denied(rules: tuple[Rule, ...]) -> None:
    with pytest.raises(Forbidden, match=r"^access_denied$"):
        access(*rules).require()


@given(st.permutations([Rule(True), Rule(False, "because"), Rule(True)]))
def test_one_rule_that_denies_wins_and_gives_the_reason(rules: list[Rule]) -> None:
    with pytest.raises(Forbidden, match=r"^because$"):
        access(*rules).require()


@given(st.permutations([Rule(True), Rule(False, "because"), Rule(False, "access_denied"), Rule(False, "why not")]))
def test_what_the_policy_denies_is_denied_by_the_policy(rules: list[Rule]) -> None:
    """Whatever order plugins are asked in, the reason is the same."""
    with pytest.raises(Forbidden, match=r"^access_denied$"):
        access(*rules).require()


def test_admins_are_asked_for_by_name() -> None:
    for code in ("admins_only", "notes_for_admins"):
        with pytest.raises(Forbidden, match=f"^{code}$"):
            access(Rule(True)).require_admin(code)


def test_rules_are_asked_about_the_action_or_about_a_model() -> None:
    asked: list[Action] = []

    def source(actor: Actor, action: Action) -> list[Rule]:
        assert actor is ACTOR
        asked.append(action)
        return [Rule(True)]

    own = Access(ACTOR, ACTION, source)
    own.require()
    own.visible(Thing)
    own.visible(Thing, "write")
    assert [(action.resource, action.verb) for action in asked] == [(None, "read"), (Thing, "read"), (Thing, "write")]


# -- rows --------------------------------------------------------------------------------------------------------------


def test_without_a_rule_no_row_is_visible() -> None:
    thing("a")
    for rules in ((), (Rule(True),), (Rule(False, where=Thing.name == "b"),)):
        assert list(access(*rules).visible(Thing)) == []


NAMES = "abcd"
RULES = st.lists(st.tuples(st.booleans(), st.sets(st.sampled_from(NAMES))), max_size=5)


@given(RULES)
def test_a_row_is_visible_if_it_is_allowed_and_not_denied(found: list[tuple[bool, set[str]]]) -> None:
    Thing.delete().execute()
    for name in NAMES:
        thing(name)
    gone = thing("a")
    gone.mark_deleted()
    own = access(*(Rule(allow, where=Thing.name.in_(sorted(names))) for allow, names in found))
    allowed = set().union(*(names for allow, names in found if allow))
    denied = set().union(*(names for allow, names in found if not allow))
    assert [row.name for row in own.visible(Thing)] == sorted(allowed - denied)
    for row in Thing.select():
        try:
            single = own.get(Thing, row.uuid, "missing") == row
        except NotFound:
            single = False
        assert single == (row.name in allowed - denied and row != gone)


EVERYTHING = Rule(True, where=peewee.SQL("1 = 1"))


def test_a_row_that_does_not_exist_and_one_that_is_hidden_are_the_same() -> None:
    hidden = thing("hidden").uuid
    for uuid in (hidden, "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(NotFound, match=r"^no such thing$"):
            access(Rule(True, where=Thing.name == "other")).get(Thing, uuid, "no such thing")


def test_a_uuid_may_be_written_in_capitals_and_an_identifier_may_not() -> None:
    row = thing("a")
    place = Place.create(id="Home")
    own = access(EVERYTHING)
    assert own.get(Thing, row.uuid.upper(), "missing") == row
    assert own.get(Place, "Home", "missing") == place
    with pytest.raises(NotFound):
        own.get(Place, "home", "missing")


def test_rows_come_oldest_first() -> None:
    made = [thing(name).uuid for name in "cab"]
    assert [row.uuid for row in access(EVERYTHING).visible(Thing)] == made


def test_deleted_rows_are_shown_to_who_asks_for_them_and_might_see_them() -> None:
    rows = [thing(name) for name in "cab"]
    for row in rows[1:]:
        row.mark_deleted()
    own = access(Rule(True, where=Thing.name != "b"))
    assert [row.name for row in own.visible(Thing)] == ["c"]
    assert [row.name for row in own.visible(Thing, deleted=True)] == ["c", "a"]


def test_a_value_in_a_rule_is_no_sql() -> None:
    thing("a")
    own = access(Rule(True, where=Thing.owner_id == "x' OR '1'='1"))
    assert list(own.visible(Thing)) == []
    with pytest.raises(NotFound):
        own.get(Thing, "' OR '1'='1", "missing")
