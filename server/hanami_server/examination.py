"""What ``hanami doctor`` looks at, and what it can mend. Looking changes nothing; mending loses nothing.

Must not know what plugins keep: they say themselves what is wrong with it (hook ``hanami_checks``).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import peewee

from hanami_core.checks import Finding
from hanami_core.errors import HanamiError
from hanami_core.plugin_host import PluginState
from hanami_core.queue import Partition, Task
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.storage.blobs import Blob
from hanami_core.storage.database import OwnedRecord
from hanami_core.storage.probing import storage_checks
from hanami_core.storage.schema import Owner, pending_steps, unknown_steps

__all__ = ["LOST", "examine", "repair"]

LOST = "lost+found"
SETTLE = 1.0


def examine(data_dir: Path) -> tuple[int, list[Finding]]:
    """Return how many blobs there are, and what is wrong."""
    runtime = Runtime.open(data_dir, Role.INSPECT)
    try:
        findings = [*_storage(runtime), *_database(runtime), *_queue(runtime), *_blobs(runtime), *_checks(runtime)]
        # Last, because a plugin may fail in its checks.
        return _count_blobs(), [*_plugins(runtime), *findings]
    finally:
        runtime.close()


def _plugins(runtime: Runtime) -> Iterator[Finding]:
    for plugin in runtime.plugins.plugins.values():
        if plugin.state in (PluginState.BROKEN, PluginState.DEGRADED):
            yield Finding(f"plugin {plugin.name}", plugin.reason)


def _storage(runtime: Runtime) -> Iterator[Finding]:
    for check in storage_checks(runtime):
        yield from check.run()


def _guarded(where: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Look at something; that this is not possible is a finding too."""
    try:
        yield from look()
    except (peewee.PeeweeException, ValueError, OSError) as error:
        yield Finding(where, str(error))


# -- database ---------------------------------------------------------------------------------------------------------


def _database(runtime: Runtime) -> Iterator[Finding]:
    for owner in runtime.owners():
        yield from _guarded(f"tables of {owner.name}", lambda owner=owner: _schema(owner))  # type: ignore[misc]
    yield from _guarded("database", lambda: [Finding("database", line) for line in runtime.database.check()])


def _schema(owner: Owner) -> Iterator[Finding]:
    pending, missing = pending_steps(owner), owner.missing_tables()
    for step in pending:
        yield Finding(f"migration {step} of {owner.name}", "it has not run yet; the next start of the server runs it")
    for step in unknown_steps(owner):
        yield Finding(f"migration {step} of {owner.name}", "it is unknown; a newer version has used the database")
    for model in owner.models:
        table = model._meta.table_name
        if model not in missing:
            yield from _guarded(f"table {table}", lambda model=model: _read(model))  # type: ignore[misc]
        elif not pending:
            yield Finding(f"table {table}", "it is missing; with --repair it is made again, empty")


def _read(model: type[peewee.Model]) -> Iterator[Finding]:
    for _ in model.select().iterator():
        pass
    yield from ()


def _queue(runtime: Runtime) -> Iterator[Finding]:
    return _guarded("queue", lambda: _disagreements(runtime))


def _disagreements(runtime: Runtime) -> Iterator[Finding]:
    tables = {model._meta.table_name for model in (Partition, Task)}
    if tables <= set(runtime.database.driver.get_tables()):  # else that is a finding of its own
        yield from (Finding(*found) for found in runtime.queue.disagreements())


# -- blobs ------------------------------------------------------------------------------------------------------------


def _known_blobs() -> set[str]:
    return {str(row.uuid) for row in Blob.select(Blob.uuid)}


def _count_blobs() -> int:
    try:
        return len(_known_blobs())
    except peewee.PeeweeException:  # a finding of its own already
        return 0


def _blobs(runtime: Runtime) -> Iterator[Finding]:
    return _guarded("blobs", lambda: _each_blob(runtime))


def _each_blob(runtime: Runtime) -> Iterator[Finding]:
    if Blob._meta.table_name not in runtime.database.driver.get_tables():
        return  # else every blob looked like one that nobody knows
    for blob in sorted(_known_blobs()):
        try:
            runtime.blobs.verify(blob)
        except (HanamiError, OSError) as error:
            if blob in _known_blobs():  # not deleted meanwhile
                yield Finding(f"blob {blob}", f"{error}{_users(runtime, blob)}")
    for store, blob in _orphans(runtime):
        what = "nothing refers to this file; the next start of the server removes it"
        yield Finding(f"blob {blob}", what, _own_files(runtime, store, blob))
    yield from (Finding(f"blob store {store}", problem) for store, problem in runtime.blobs.check())


def _own_files(runtime: Runtime, store: str, blob: str) -> tuple[Path, ...]:
    """Return the file of a blob that nobody knows, if it lies in the data directory; others are left to their store."""
    file = runtime.blobs.stores[store].fetch(blob)
    try:
        return (file.path,) if file.path.is_relative_to(runtime.settings.data_dir) else ()
    finally:
        file.release()


def _users(runtime: Runtime, blob: str) -> str:
    """Name what needs a blob: rows of resources keep it in a column of this name."""
    models = [model for model in runtime.models.values() if issubclass(model, OwnedRecord) and hasattr(model, "blob")]
    rows = [(model, row) for model in models for row in model.active().where(model.blob == blob)]
    texts = [f"{model._meta.table_name} '{row.name}' ({row.uuid}) of user '{row.owner_id}'" for model, row in rows]
    return f"; it belongs to {', '.join(texts)}" if texts else ""


def _orphans(runtime: Runtime) -> list[tuple[str, str]]:
    """Return files without a row. A running server writes the file first, so a second look comes after a moment."""
    suspects = set(runtime.blobs.orphans())
    if suspects:
        time.sleep(SETTLE)
        suspects &= set(runtime.blobs.orphans())
    return sorted(suspects)


# -- plugins ----------------------------------------------------------------------------------------------------------


def _checks(runtime: Runtime) -> Iterator[Finding]:
    for contribution in runtime.plugins.checks(runtime):
        check = contribution.item
        where = f"check '{check.name}' of plugin {contribution.plugin.name}"
        try:
            yield from list(check.run())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # of a stranger
            yield Finding(where, f"{type(error).__name__}: {error}")


# -- repair -----------------------------------------------------------------------------------------------------------


def repair(data_dir: Path) -> list[str]:
    """Mend what can be mended without losing anything, and return what was done. Nobody else may be there.

    Raises:
        StartupError: if there is no database, or migrations fail.
    """
    # A directory that has no database is no case for repair: all of it would be unknown.
    Runtime.assemble(data_dir, Role.INSPECT).close()
    # Without the phase of start, in which plugins remove what they do not know.
    runtime = Runtime.assemble(data_dir, Role.MIGRATE)
    try:
        done = [f"migrated: {step}" for step in runtime.migrate(restore=True)]
    finally:
        runtime.close()
    strays = [file for finding in examine(data_dir)[1] for file in finding.strays]
    return done + [f"moved: {_set_aside(file, data_dir)}" for file in strays]


def _set_aside(file: Path, data_dir: Path) -> str:
    """Move a file to where it harms nobody, under its own name."""
    inside = file.relative_to(data_dir) if file.is_relative_to(data_dir) else Path(file.name)
    target = data_dir / LOST / inside
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = 0
    while target.exists():
        number += 1
        target = target.with_name(f"{file.name}.{number}")
    shutil.move(file, target)
    return f"{inside} to {target.relative_to(data_dir)}"
