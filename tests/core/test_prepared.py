"""Lists of rows whose text is kept: they say what the query itself says, whatever it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import and_, or_
from pathlib import Path
from typing import Any

import peewee
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanami_core.storage import prepared
from hanami_core.storage.contract import Database
from hanami_core.storage.database import Record
from hanami_core.storage.prepared import first_active, tuples
from hanami_core.testing.storage import bound_to

NAMES = ["ada", "emmy", "alan", "", "' OR 1 = 1 --", "ü"]


class House(Record):
    town = peewee.CharField(64)


class Guest(Record):
    id = peewee.CharField(64)
    age = peewee.IntegerField(null=True)
    weight = peewee.DoubleField()
    grown = peewee.BooleanField()
    house = peewee.ForeignKeyField(House, null=True)


@pytest.fixture(scope="module", autouse=True)
def guests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    directory: Path = tmp_path_factory.mktemp("guests")
    opened = Database(peewee.SqliteDatabase(str(directory / "guests.db")))
    with bound_to(opened):
        opened.driver.create_tables([House, Guest])
        houses = [House.create(town=town) for town in NAMES[:3]]
        for n in range(40):
            age = None if n % 7 == 0 else n % 9
            house = None if n % 5 == 0 else houses[n % 3]
            Guest.create(id=NAMES[n % 6], age=age, weight=n / 4, grown=n % 2 == 0, house=house)
        yield


TEXTS, NUMBERS, REALS = st.sampled_from(NAMES), st.integers(-1, 10), st.floats(0, 10)
COMPARISONS = st.one_of(
    st.builds(lambda value: Guest.id == value, TEXTS),
    st.builds(lambda value: Guest.id != value, TEXTS),
    st.builds(lambda value: Guest.age > value, NUMBERS),
    st.builds(lambda value: Guest.age == value, st.none() | NUMBERS | NUMBERS.map(str)),
    st.builds(lambda value: Guest.weight <= value, REALS | NUMBERS),
    st.builds(lambda value: Guest.grown == value, st.booleans() | NUMBERS),
    st.builds(lambda value: Guest.id.in_(value), st.lists(TEXTS)),
    st.builds(lambda value: Guest.id.contains(value), TEXTS),
    st.builds(lambda value: Guest.house == value, st.integers(1, 3)),
    st.builds(lambda: Guest.house.is_null()),
    st.builds(lambda: Guest.age < Guest.weight),
    st.builds(lambda value: Guest.age + value < 5, NUMBERS),
    st.builds(lambda: peewee.SQL("1 = 1")),
    st.builds(lambda value: peewee.SQL("age = ?", [value]), NUMBERS),
    st.builds(lambda value: peewee.fn.LOWER(Guest.id) == value, TEXTS),
    st.builds(lambda value: Guest.house.in_(House.select().where(House.town == value)), TEXTS),
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds(and_, inner, inner), st.builds(or_, inner, inner), inner.map(lambda condition: ~condition)
    ),
    max_leaves=4,
)
COLUMNS = st.lists(st.sampled_from(["sequence", "id", "age", "weight", "grown", "house"]), min_size=1, unique=True)


def query(columns: list[str], conditions: list[Any], limit: int | None) -> peewee.ModelSelect[Guest]:
    found = Guest.active().select(*(getattr(Guest, name) for name in columns))
    return reduce(lambda so_far, condition: so_far.where(condition), conditions, found).limit(limit)


@settings(max_examples=300, deadline=None)
@given(COLUMNS, st.lists(CONDITIONS, max_size=3), st.none() | st.integers(0, 20))
def test_rows_are_those_of_the_query(columns: list[str], conditions: list[Any], limit: int | None) -> None:
    asked = query(columns, conditions, limit)
    assert list(tuples(asked)) == list(asked.clone().tuples())


@settings(max_examples=300, deadline=None)
@given(st.lists(CONDITIONS, max_size=3))
def test_the_first_row_is_that_of_the_query(conditions: list[Any]) -> None:
    expected = query(["sequence"], conditions, None).objects().first()
    found = first_active(Guest, conditions)
    assert (found and found.__data__) == (expected and Guest.get_by_id(expected.sequence).__data__)
    assert found is None or not found.is_dirty()


def joined() -> Any:
    return Guest.active(Guest.id, House.town).join(House).where(House.town == "ada")


@pytest.mark.parametrize(
    "build",
    [
        joined,
        lambda: Guest.select(Guest.id).distinct(),
        lambda: Guest.select(Guest.grown, peewee.fn.COUNT(Guest.id)).group_by(Guest.grown),
        lambda: Guest.active(Guest.id).order_by(Guest.weight.desc()).limit(3).offset(2),
        lambda: Guest.active(Guest.id).where(Guest.age > 3) | Guest.active(Guest.id).where(Guest.age < 2),
        lambda: Guest.alias().select(),
    ],
)
def test_what_is_not_a_plain_list_is_answered_all_the_same(build: Any) -> None:
    assert sorted(tuples(build()), key=str) == sorted(build().tuples(), key=str)


def test_queries_of_one_shape_share_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "_texts", {})
    for name in NAMES:
        list(tuples(query(["id"], [Guest.id == name], None)))
    assert len(prepared._texts) == 1
    list(tuples(query(["id"], [Guest.age == 1], None)))
    assert len(prepared._texts) == 2


def test_texts_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "_texts", {})
    monkeypatch.setattr(prepared, "_MOST_TEXTS", 3)
    for count in range(1, 10):
        list(tuples(query(["id"], [Guest.id == "ada"] * count, None)))
        assert len(prepared._texts) <= 3
