"""Texts of statements that are kept: what has the same shape has the same text, and the values are those of peewee."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import peewee
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanami_core.storage.contract import Database
from hanami_core.storage.shapes import Parameters, Unusual, shape_of
from hanami_core.storage.texts import KeepsTexts
from hanami_core.testing.storage import bound_to
from tests.core.test_prepared import COLUMNS, CONDITIONS, NAMES, NUMBERS, TEXTS, Guest, House

TOWNS = NAMES[:3]


class Keeper(KeepsTexts, peewee.SqliteDatabase):
    """SQLite that keeps texts, and tells how often it has written one."""

    written = 0

    def get_sql_context(self, **options: object) -> Any:
        self.written += 1
        return super().get_sql_context(**options)


@pytest.fixture(scope="module", autouse=True)
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeper]:
    directory: Path = tmp_path_factory.mktemp("kept")
    driver = Keeper(str(directory / "kept.db"))
    with bound_to(Database(driver)):
        driver.create_tables([House, Guest])
        for town in TOWNS:
            House.create(town=town)
        for n in range(30):
            Guest.create(id=NAMES[n % 6], age=n % 9 or None, weight=n / 4, grown=n % 2 == 0, house=None)
        yield driver


def fields(names: list[str]) -> list[Any]:
    return [getattr(Guest, name) for name in names]


def select(names: list[str], condition: Any, limit: int | None) -> Any:
    return Guest.select(*fields(names)).where(condition).limit(limit)


SELECTIONS = st.builds(select, COLUMNS, CONDITIONS, st.none() | NUMBERS)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "id": TEXTS,
        "age": st.none() | NUMBERS | st.builds(lambda value: Guest.age + value, NUMBERS),
        "weight": NUMBERS,
        "grown": st.booleans() | NUMBERS,
        "deleted_at": st.none() | st.floats(0, 9),
    },
).filter(bool)
STATEMENTS = st.one_of(
    SELECTIONS,
    SELECTIONS.map(lambda query: query.order_by(Guest.weight.desc(), Guest.id)),
    SELECTIONS.map(lambda query: query.distinct()),
    st.builds(lambda query, offset: query.limit(5).offset(offset), SELECTIONS, NUMBERS),
    SELECTIONS.map(lambda query: peewee.Select(columns=[peewee.fn.EXISTS(query)]).bind(query._database)),
    SELECTIONS.map(lambda query: peewee.Select([query.alias("w")], [peewee.fn.COUNT(peewee.SQL("1"))])),
    st.builds(lambda condition: Guest.select(peewee.fn.SUM(Guest.weight)).where(condition), CONDITIONS),
    st.builds(
        lambda condition: Guest.select(Guest.grown, peewee.fn.COUNT(Guest.id)).where(condition).group_by(Guest.grown),
        CONDITIONS,
    ),
    st.builds(
        lambda condition, town: (
            Guest.select(Guest.id).join(House, on=(Guest.id == House.town)).where(condition & (House.town != town))
        ),
        CONDITIONS,
        TEXTS,
    ),
    st.builds(
        lambda value, town, inner: Guest.select(Guest.id).where(
            (Guest.age > value)
            & Guest.id.in_(House.select(House.town).where(House.town == town))
            & Guest.weight.not_in(inner.select(Guest.weight))
        ),
        NUMBERS,
        TEXTS,
        SELECTIONS,
    ),
    st.builds(lambda changes, condition: Guest.update(**changes).where(condition), CHANGES, CONDITIONS),
    st.builds(lambda condition: Guest.delete().where(condition), CONDITIONS),
    st.builds(lambda town: House.insert(town=town, status="active", created_at=1.0), TEXTS),
    st.builds(lambda town: House.insert(town=town), TEXTS),
    st.builds(lambda town: House.insert(town=town).on_conflict_ignore(), TEXTS),
    st.builds(lambda one, two: House.insert_many([{"town": one}, {"town": two}]), TEXTS, TEXTS),
)
LISTS = st.lists(NUMBERS, max_size=4)
STATEMENTS |= st.builds(
    lambda several, kind: Guest.select(Guest.id).where(Guest.age.in_(kind(several))),
    LISTS,
    st.sampled_from([list, tuple, set, frozenset, iter, lambda several: range(len(several))]),
)
TEXT_OF: dict[Hashable, str] = {}


@settings(max_examples=1500, deadline=None)
@given(STATEMENTS)
def test_a_shape_has_one_text_and_the_values_are_those_that_peewee_binds(query: Any) -> None:
    values = Parameters()
    try:
        shape = shape_of(query, values)
    except Unusual:
        return
    text, parameters = query.bind(Guest._meta.database).sql()
    assert [(type(one), one) for one in values] == [(type(one), one) for one in parameters]
    assert TEXT_OF.setdefault(shape, text) == text


@pytest.mark.parametrize("town", TOWNS)
def test_what_is_usual_is_known(town: str) -> None:
    mine = (Guest.status == "active") & (Guest.id == town)
    usual = [
        Guest.active().where(mine),
        Guest.active().where(mine).order_by().select(peewee.fn.SUM(Guest.weight)),
        Guest.update(age=Guest.age + 1, grown=True).where(mine & peewee.fn.EXISTS(House.select(peewee.SQL("1")))),
        Guest.delete().where(Guest.id.in_([town, "ada"])),
        House.insert(town=town, status="active", created_at=2.0),
    ]
    for query in usual:
        assert shape_of(query, Parameters())


def same(town: str) -> list[Any]:
    """Return what some statements find and do about a town."""
    here = House.town == town
    found: list[Any] = [House.select().where(here).count(), House.select().where(here).exists()]
    found += [House.get_or_none(here).town, House.select(peewee.fn.MAX(House.town)).where(here).scalar()]
    found += [House.update(status="active").where(here).execute()]
    return found


def test_what_comes_again_has_its_text_already(keeper: Keeper) -> None:
    first = same(TOWNS[0])
    written = keeper.written
    for town in TOWNS[1:]:
        assert same(town) == [*first[:2], town, town, *first[4:]]
    assert keeper.written == written


def test_a_default_is_made_for_each_row(keeper: Keeper) -> None:
    class Numbered(House):
        numbers = iter(range(100))
        number = peewee.IntegerField(default=lambda: next(Numbered.numbers))

    keeper.create_tables([Numbered])
    for town in TOWNS:
        Numbered.insert(town=town).execute()
        Numbered.create(town=town)
    assert len({row.number for row in Numbered.select()}) == 2 * len(TOWNS)


@pytest.mark.parametrize("ages", [{1, 2}, frozenset([1, 2]), range(1, 3), (age for age in (1, 2)), [1, 2], (1, 2)])
def test_several_values_may_be_any_collection(ages: Any) -> None:
    found = {row.age for row in Guest.select().where(Guest.age.in_(ages))}
    assert found == {1, 2}


def test_a_selection_that_occurs_twice_has_a_text_of_its_own() -> None:
    inner = House.select(House.town).where(House.town == "ada")
    with pytest.raises(Unusual):
        shape_of(Guest.select(Guest.id).where(Guest.id.in_(inner) | Guest.id.in_(inner)), Parameters())


def test_texts_do_not_pile_up(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hanami_core.storage.texts._MOST", 3)
    for count in range(1, 10):
        House.select().where(House.town.in_(["ada"] * count)).count()
        assert len(keeper._texts) <= 1000
    assert len(keeper._texts) <= 3
