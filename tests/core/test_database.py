"""Queries whose text is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peewee
import pytest

from hanami_core.storage.contract import Database
from hanami_core.storage.database import Record
from hanami_core.storage.prepared import Prepared
from hanami_core.testing.storage import bound_to


class Person(Record):
    id = peewee.CharField(64)
    town = peewee.CharField(64)
    grown = peewee.BooleanField(default=True)


@pytest.fixture(autouse=True)
def people(tmp_path: Path) -> Iterator[None]:
    opened = Database(peewee.SqliteDatabase(str(tmp_path / "people.db")))
    with bound_to(opened):
        opened.driver.create_tables([Person])
        for name, town in (("ada", "london"), ("emmy", "erlangen"), ("alan", "london")):
            Person.create(id=name, town=town)
        yield


def test_values_go_where_they_belong() -> None:
    query = Prepared(lambda town, name: Person.active().where((Person.id != name) & (Person.town == town)))
    assert [person.id for person in query.all("london", "ada")] == ["alan"]
    assert [person.id for person in query.all("london", "alan")] == ["ada"]
    assert query.all("paris", "ada") == []


def test_the_text_is_made_once() -> None:
    built: list[object] = []

    def build(name: str) -> peewee.ModelSelect[Person]:
        built.append(name)
        return Person.active().where(Person.id == name)

    query = Prepared(build)
    assert [query.first(name) is not None for name in ("ada", "emmy", "nobody")] == [True, True, False]
    assert len(built) == 1


def test_a_value_is_never_part_of_the_text() -> None:
    query = Prepared(lambda name: Person.active().where(Person.id == name))
    assert query.all("' OR 1 = 1 --") == []
    assert query.first("") is None


@pytest.mark.parametrize(
    "build",
    [
        lambda name: Person.active(),
        lambda name: Person.active().where(Person.grown == name),
        lambda name: Person.active().where(Person.id == name.upper()),
    ],
)
def test_a_value_that_gets_lost_is_noticed(build: Any) -> None:
    with pytest.raises(TypeError, match="a value of a prepared query"):
        Prepared(build).all("ada")


def test_rows_are_models_that_can_be_changed() -> None:
    ada = Prepared(lambda name: Person.active().where(Person.id == name)).first("ada")
    assert ada is not None
    assert ada.grown is True
    ada.mark_deleted()
    assert Person.active().count() == 2
    assert Prepared(lambda name: Person.active().where(Person.id == name)).first("ada") is None


def test_of_several_who_have_read_a_row_one_deletes_it() -> None:
    first, second = (Person.get(Person.id == "ada") for _ in range(2))
    assert first.mark_deleted()
    moment = Person.get(Person.id == "ada").deleted_at
    assert (first.status, first.deleted_at) == ("deleted", moment)
    assert not second.mark_deleted()
    assert not first.mark_deleted()
    assert Person.get(Person.id == "ada").deleted_at == moment
    assert Person.active().count() == 2
