"""Conformance suite for databases.

A plugin's tests derive a class from `DatabaseConformance` and return their backend from the fixture `backend`, and from
the fixture `context` what it is opened with, so that the database is empty::

    class TestPostgres(DatabaseConformance):
        @pytest.fixture
        def backend(self):
            return PostgresBackend()

        @pytest.fixture
        def context(self, tmp_path, server):
            return storage_context(tmp_path, {"database_postgres.name": server.new_database()})

Other processes open the database as well, so backend and settings must be picklable.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import peewee
import pytest
from playhouse.migrate import SchemaMigrator

from hanami_core.runtime import CORE_MODELS
from hanami_core.storage.contract import Database, DatabaseBackend, StorageContext
from hanami_core.storage.database import (
    BaseModel,
    Record,
    Unit,
    after_commit,
    atomic,
    compare_and_set,
    data_version,
    exclusive,
    hold,
    proxy,
    relaxed,
)
from hanami_core.storage.prepared import Prepared, first, tuples
from hanami_core.storage.times import texts_to_numbers
from hanami_core.testing.database_workers import (
    Amount,
    add_amounts,
    add_tasks,
    claim_all,
    in_processes,
    overtaking,
    raise_amount,
)
from hanami_core.testing.storage import bound_to, make_core_tables, storage_context

__all__ = ["DatabaseConformance"]

T = TypeVar("T")
Beside = Callable[[Callable[[], Any]], Future[Any]]
"""Runs a function in a thread with its own connection, and returns the result to come."""


_WAIT = 30.0


class ConformanceSample(Record):
    """A row of everything that columns are made of."""

    text = peewee.TextField()
    short = peewee.CharField(64)
    big = peewee.BigIntegerField()
    real = peewee.DoubleField()
    flag = peewee.BooleanField()
    nothing = peewee.CharField(36, null=True)

    class Meta:
        """A table that no plugin has."""

        table_name = "conformance_sample"


ConformanceSample.add_index(ConformanceSample.short, unique=True, where=ConformanceSample.status == "active")

SAMPLE = {"text": "ü" * 100_000, "short": "a", "big": -(1 << 62), "real": 1_795_290_702.123456, "flag": True}


class DatabaseConformance:
    """Requirements for every database; see `hanami_core.storage.contract`."""

    @pytest.fixture
    def backend(self) -> DatabaseBackend:
        """Return the backend."""
        raise NotImplementedError("override the fixture 'backend'")

    @pytest.fixture
    def context(self, tmp_path: Path) -> StorageContext:
        """Return the context for opening an empty database."""
        return storage_context(tmp_path)

    @pytest.fixture
    def database(self, backend: DatabaseBackend, context: StorageContext) -> Iterator[Database]:
        """Open the database and create the tables of core and of the suite."""
        with bound_to(backend.open(context)) as opened:
            make_core_tables()
            proxy.create_tables([Amount, ConformanceSample])
            Amount.create(name="shared")
            yield opened

    @pytest.fixture
    def beside(self, database: Database) -> Iterator[Beside]:
        """Return a function that runs another function in a thread with its own connection."""
        with ThreadPoolExecutor(8, initializer=lambda: None) as threads:

            def run(work: Callable[[], T]) -> T:
                try:
                    return work()
                finally:
                    database.disconnect()

            yield lambda work: threads.submit(run, work)

    # -- what is stored -----------------------------------------------------------------------------------------------

    def test_it_is_a_database(self, backend: DatabaseBackend, database: Database) -> None:
        """The backend opens one; it is healthy."""
        assert isinstance(backend, DatabaseBackend)
        assert isinstance(database, Database)
        assert isinstance(database.driver, peewee.Database)
        assert backend.name.replace("_", "").isalnum()
        assert list(database.check()) == []

    def test_values_are_read_back(self, database: Database) -> None:
        """Numbers keep all of their digits, texts all of their letters."""
        created = ConformanceSample.create(**SAMPLE)
        found = ConformanceSample.get(ConformanceSample.sequence == created.sequence)
        assert {name: getattr(found, name) for name in SAMPLE} == SAMPLE
        assert (found.nothing, found.deleted_at, found.created_at) == (None, None, created.created_at)

    def test_sequences_grow(self, database: Database) -> None:
        """Lists are ordered by them and paged with them."""
        with atomic():
            numbers = [ConformanceSample.create(**(SAMPLE | {"short": str(n)})).sequence for n in range(5)]
        assert numbers == sorted(set(numbers))

    def test_what_is_unique_among_some_rows_is_unique(self, database: Database) -> None:
        """A refused row leaves the transaction around it usable."""
        first = ConformanceSample.create(**SAMPLE)
        with atomic():
            with pytest.raises(peewee.IntegrityError), atomic():
                ConformanceSample.create(**SAMPLE)
            assert ConformanceSample.select().count() == 1
        first.mark_deleted()
        ConformanceSample.create(**SAMPLE)
        assert ConformanceSample.active().count() == 1

    def test_prepared_queries_work(self, database: Database) -> None:
        """Their texts are the database's."""
        query = Prepared(lambda text: ConformanceSample.active().where(ConformanceSample.short == text))
        assert query.first("a") is None
        sequence = ConformanceSample.create(**SAMPLE).sequence
        assert [row.sequence for row in query.all("a")] == [sequence]
        assert [row[0] for row in query.tuples("a")] == [sequence]
        for text, found in (("a", [(sequence,)]), ("b", []), ("a", [(sequence,)])):
            assert (
                list(
                    tuples(ConformanceSample.active(ConformanceSample.sequence).where(ConformanceSample.short == text))
                )
                == found
            )
            row, same = (
                one(ConformanceSample.active().where(ConformanceSample.short == text))
                for one in (first, peewee.ModelSelect.first)
            )
            assert (row and (row.__data__, row.dirty_fields)) == (same and (same.__data__, []))

    def test_columns_are_those_of_the_models(self, database: Database) -> None:
        """Migrations work, also those of columns that held texts."""
        for model in CORE_MODELS:
            columns = {column.name: column.null for column in database.driver.get_columns(model._meta.table_name)}
            assert columns == {field.column_name: field.null for field in model._meta.sorted_fields}

    def test_texts_of_moments_become_numbers(self, database: Database) -> None:
        """As the first edition of the base columns needs it."""

        class Visit(BaseModel):
            begin = peewee.CharField(64, index=True)
            end = peewee.CharField(64)

            class Meta:
                table_name = "conformance_visit"

        proxy.create_tables([Visit])
        Visit.create(begin="2026-11-21 19:51:42", end="-")
        migrator = SchemaMigrator.from_database(database.driver)
        with migrator.migration_context():
            texts_to_numbers(migrator, "conformance_visit", "begin")
            texts_to_numbers(migrator, "conformance_visit", "end", null=True)
        rows: Any = peewee.Table("conformance_visit", ("begin", "end")).bind(database.driver)
        assert list(rows.select(rows.begin, rows.end).tuples()) == [(1_795_290_702.0, None)]

    def test_connections_can_be_given_back(self, database: Database) -> None:
        """The next query opens another one."""
        for _ in range(2):
            database.disconnect()
            assert Amount.get(Amount.name == "shared").value == 0

    def test_a_reader_changes_nothing(
        self, backend: DatabaseBackend, context: StorageContext, database: Database
    ) -> None:
        """What was opened for reading only can be read, and refuses to be written to."""
        looking = StorageContext(context.settings, context.clock, read_only=True)
        with bound_to(backend.open(looking)):
            assert Amount.get(Amount.name == "shared").value == 0
            with pytest.raises(peewee.PeeweeException):
                Amount.create(name="other")
        assert Amount.select().count() == 1

    # -- transactions -------------------------------------------------------------------------------------------------

    def test_a_transaction_is_all_or_nothing(self, database: Database) -> None:
        """And so is a nested one."""
        with pytest.raises(RuntimeError), atomic():
            Amount.create(name="lost")
            raise RuntimeError
        with atomic():
            Amount.create(name="kept")
            with pytest.raises(RuntimeError), atomic():
                Amount.create(name="lost")
                assert Amount.select().count() == 3
                raise RuntimeError
        assert {row.name for row in Amount.select()} == {"shared", "kept"}

    def test_nobody_sees_what_is_not_committed(self, database: Database, beside: Beside) -> None:
        """Readers go on meanwhile; afterwards they see it."""
        with atomic():
            Amount.update(value=1).execute()
            assert Amount.get().value == 1
            assert beside(lambda: Amount.get().value).result(_WAIT) == 0
        assert beside(lambda: Amount.get().value).result(_WAIT) == 1

    def test_of_several_who_expect_the_same_one_may_change_it(self, database: Database, beside: Beside) -> None:
        """The others wait for it, then find something else."""
        at_once = threading.Barrier(8)

        def change() -> bool:
            at_once.wait(_WAIT)
            with atomic():
                return compare_and_set(Amount, (Amount.name == "shared") & (Amount.value == 0), value=1)

        assert sorted(future.result(_WAIT) for future in [beside(change) for _ in range(8)]) == [False] * 7 + [True]

    def test_a_condition_is_examined_again_after_waiting(self, database: Database, beside: Beside) -> None:
        """Who waits for another transaction does not decide by what was there before."""
        begun = threading.Event()

        def change() -> bool:
            begun.set()
            with atomic():
                return compare_and_set(Amount, Amount.value == 0, value=2)

        with atomic():
            assert compare_and_set(Amount, Amount.value == 0, value=1)
            future = beside(change)
            begun.wait(_WAIT)
        assert future.result(_WAIT) is False
        assert Amount.get().value == 1

    def test_who_takes_a_row_away_waits_for_whoever_holds_it(self, database: Database, beside: Beside) -> None:
        """And finds what that one has written; whoever comes later finds no row to hold."""
        row, begun = ConformanceSample.create(**SAMPLE), threading.Event()

        def take_away() -> int:
            begun.set()
            with atomic():
                assert row.mark_deleted()
                return int(Amount.get().value)

        def held() -> bool:
            return hold(
                ConformanceSample, (ConformanceSample.sequence == row.sequence) & (ConformanceSample.status == "active")
            )

        with atomic():
            assert held()
            future = beside(take_away)
            begun.wait(_WAIT)
            Amount.update(value=7).execute()
        assert future.result(_WAIT) == 7
        with atomic():
            assert not held()

    def test_a_unit_is_one_transaction(self, database: Database, beside: Beside) -> None:
        """Its parts are seen together, or what it has committed on its way, and what fails is taken back."""

        def seen() -> int:
            return int(beside(lambda: Amount.get(Amount.name == "shared").value).result(_WAIT))

        with Unit(lambda: None) as unit:
            for value in (1, 2):
                with atomic():
                    Amount.update(value=value).execute()
                assert seen() == 0
            unit.commit()
            assert seen() == 2
        with pytest.raises(RuntimeError), Unit(lambda: None):
            with atomic():
                Amount.update(value=3).execute()
            raise RuntimeError
        assert seen() == 2

    @pytest.mark.parametrize("kept", [True, False])
    def test_who_takes_the_same_key_waits_for_whoever_has_it(
        self, database: Database, beside: Beside, kept: bool
    ) -> None:
        """And has it if the other one takes everything back, as after the end of its process."""
        begun = threading.Event()

        def take() -> bool:
            begun.set()
            with atomic():
                return bool(Amount.insert(name="key").on_conflict_ignore().as_rowcount().execute())

        with contextlib.suppress(RuntimeError), atomic():
            Amount.insert(name="key").execute()
            future = beside(take)
            begun.wait(_WAIT)
            if not kept:
                raise RuntimeError
        assert future.result(_WAIT) is not kept

    def test_a_change_to_the_same_value_counts(self, database: Database) -> None:
        """What is told is which rows met the condition."""
        assert compare_and_set(Amount, Amount.value == 0, value=0)
        assert not compare_and_set(Amount, Amount.value == 1, value=1)

    def test_names_are_given_once_across_processes(
        self, backend: DatabaseBackend, context: StorageContext, database: Database
    ) -> None:
        """Of two processes that add the same, one does."""
        names = [f"name{n}" for n in range(50)]
        first, second = in_processes(2, backend, context, add_amounts, names)
        assert sorted(first + second) == sorted(names)

    # -- sections -----------------------------------------------------------------------------------------------------

    def test_a_section_belongs_to_one_thread(self, database: Database, beside: Beside) -> None:
        """What is read in it is not old when it is written."""
        futures = [beside(lambda: raise_amount(0, "shared", 10)) for _ in range(8)]
        assert [future.result(_WAIT) for future in futures] == [0] * 8
        assert Amount.get().value == 80

    def test_a_section_belongs_to_one_process(
        self, backend: DatabaseBackend, context: StorageContext, database: Database
    ) -> None:
        """Other processes count as well."""
        assert in_processes(2, backend, context, raise_amount, "shared", 50) == [0, 1]
        assert Amount.get().value == 100

    def test_a_section_is_a_transaction(self, database: Database, beside: Beside) -> None:
        """It is all or nothing, others may read meanwhile, and it can be entered again after an error."""
        with pytest.raises(RuntimeError), exclusive("some"):
            Amount.update(value=1).execute()
            assert beside(lambda: Amount.get().value).result(_WAIT) == 0
            raise RuntimeError
        assert beside(lambda: raise_amount(0, "shared", 1)).result(_WAIT) == 0
        with atomic(), exclusive("some"), exclusive("another"):
            assert Amount.get().value == 1

    def test_a_task_is_claimed_once(
        self, backend: DatabaseBackend, context: StorageContext, database: Database
    ) -> None:
        """Two workers never get the same fence, and tasks of a partition are claimed in their order."""
        add_tasks(partitions=6, each=10)
        claims = in_processes(2, backend, context, claim_all)
        keys = [f"partition{number}" for number in range(6)]
        assert sorted(claims[0] + claims[1]) == sorted((key, f"{number}", 1) for key in keys for number in range(10))
        for wanted in keys:
            for names in ([int(name) for key, name, _ in claimed if key == wanted] for claimed in claims):
                assert names == sorted(names)

    def test_a_task_that_was_overtaken_does_not_begin(self, database: Database, beside: Beside) -> None:
        """A worker that has read which task is next waits for whoever puts another one before it; one of them runs."""
        overtake, claim = overtaking()
        begun = threading.Event()

        def claims() -> list[str]:
            begun.set()
            return [name for name in (claim(), claim()) if name]

        with atomic():
            overtake()
            future = beside(claims)
            begun.wait(_WAIT)
        assert future.result(_WAIT) == ["own"]

    # -- what follows -------------------------------------------------------------------------------------------------

    def test_actions_wait_for_the_commit(self, database: Database, beside: Beside) -> None:
        """They see it committed, come in order, and not at all if it is rolled back."""
        seen: list[object] = []
        with atomic():
            Amount.update(value=1).execute()
            with atomic():
                after_commit(lambda: seen.append(beside(lambda: Amount.get().value).result(_WAIT)))
            after_commit(lambda: seen.append("second"))
            with pytest.raises(RuntimeError), atomic():
                after_commit(lambda: seen.append("rolled back"))
                raise RuntimeError
            assert seen == []
        assert seen == [1, "second"]
        with pytest.raises(RuntimeError), exclusive("some"):
            after_commit(lambda: seen.append("rolled back"))
            raise RuntimeError
        after_commit(lambda: seen.append("at once"))
        assert seen == [1, "second", "at once"]

    def test_relaxed_writes_are_seen_like_others(self, database: Database, beside: Beside) -> None:
        """They may only get lost in a power cut."""
        with relaxed():
            Amount.update(value=1).execute()
        assert beside(lambda: Amount.get().value).result(_WAIT) == 1
        with atomic(), relaxed():
            Amount.update(value=2).execute()
        with relaxed(), atomic():
            Amount.update(value=Amount.value + 1).execute()
        assert beside(lambda: Amount.get().value).result(_WAIT) == 3

    def test_the_data_version_changes_with_every_commit(self, database: Database, beside: Beside) -> None:
        """One's own and those of others; and with nothing else. A database that cannot tell has none."""
        if data_version() is None:
            pytest.skip("the database cannot tell")
        versions = [data_version()]
        for change in (
            lambda: Amount.update(value=1).execute(),
            lambda: beside(lambda: Amount.update(value=2).execute()).result(_WAIT),
            lambda: Amount.delete().execute(),
            lambda: beside(lambda: add_amounts(0, ["new"])).result(_WAIT),
            database.disconnect,
        ):
            change()
            assert data_version() not in versions
            versions.append(data_version())
            assert Amount.select().count() < 2
            assert data_version() == versions[-1]
        with atomic():
            assert data_version() is None

    def test_the_data_version_costs_little(self, database: Database) -> None:
        """It is asked before every use of what was kept."""
        started = time.process_time()
        for _ in range(1000):
            data_version()
        asked = time.process_time() - started
        assert asked < 0.5
