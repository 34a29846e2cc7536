"""What ``hanami doctor`` looks at. Looking changes nothing.

Must not know what plugins keep: they say themselves what is wrong with it (hook ``hanami_checks``), and which of their
columns hold blobs (`BlobField`).
"""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import peewee

from hanami_core.audit import BlobHolder, Disagreement, disagreements, holders, needed
from hanami_core.checks import Finding
from hanami_core.errors import HanamiError, StartupError
from hanami_core.plugin_host import PluginState
from hanami_core.queue import Partition, Task
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.storage.aside import LOST
from hanami_core.storage.blobs import Blob
from hanami_core.storage.probing import storage_checks
from hanami_core.storage.schema import SchemaOwner, steps_of
from hanami_server.privacy import readable_by_others

__all__ = ["damage", "examine", "opened"]

SETTLE = 1.0


def opened(data_dir: Path) -> Runtime:
    """Return the runtime of somebody who only looks.

    Raises:
        StartupError: if that is not possible; the text is one line.
    """
    try:
        return Runtime.open(data_dir, Role.INSPECT)
    except HanamiError:
        raise
    except Exception as error:
        raise StartupError(f"{data_dir} cannot be looked at: {type(error).__name__}: {_line(error)}") from error


def examine(data_dir: Path, *, alone: bool) -> tuple[int, list[Finding]]:
    """Return how many blobs there are, and what is wrong; `alone` tells that nobody works there."""
    runtime = opened(data_dir)
    try:
        broken = damage(runtime)
        if broken:
            # Whatever else is read from it means nothing.
            return 0, [Finding("database", broken)]
        rows = [*_database(runtime), *_queue(runtime), *_blobs(runtime, alone)]
        findings = [*_storage(runtime), *rows, *_checks(runtime)]
        # Last, because a plugin may fail in its checks.
        return _count_blobs(), [*_plugins(runtime), *findings, *_modes(data_dir)]
    finally:
        runtime.close()


def damage(runtime: Runtime) -> str:
    """Return what is wrong with the database itself, in one line; empty if it is sound."""
    try:
        lines = runtime.database.check()
    except Exception as error:
        lines = [f"{type(error).__name__}: {error}"]
    if not lines:
        return ""
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return f"it is damaged: {_line(lines[0])}{more}; stop the server and go back to a backup"


def _line(text: object) -> str:
    return " ".join(str(text).split())


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
    except Exception as error:  # drivers of databases have errors of their own
        yield Finding(where, _line(error) or type(error).__name__)


# -- database ---------------------------------------------------------------------------------------------------------


def _database(runtime: Runtime) -> Iterator[Finding]:
    for owner in runtime.owners():
        yield from _guarded(f"tables of {owner.name}", lambda owner=owner: _schema(owner))  # type: ignore[misc]


def _schema(owner: SchemaOwner) -> Iterator[Finding]:
    pending, unknown = steps_of(owner)
    missing = owner.missing_tables()
    for step in pending:
        yield Finding(f"migration {step} of {owner.name}", "it has not run yet; the next start of the server runs it")
    for step in unknown:
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


def _blobs(runtime: Runtime, alone: bool) -> Iterator[Finding]:
    if Blob._meta.table_name in runtime.database.driver.get_tables():  # else every blob looked like one nobody knows
        held = holders(runtime)
        yield from _guarded("blobs", lambda: _each_blob(runtime, held))
        yield from _guarded("blobs", lambda: _counts(runtime, alone))
        yield from _guarded("blobs", lambda: _files(runtime, alone))


def _each_blob(runtime: Runtime, held: Mapping[str, list[BlobHolder]]) -> Iterator[Finding]:
    for blob in sorted(_known_blobs()):
        try:
            runtime.blobs.verify(blob)
        except (HanamiError, OSError) as error:
            if blob in _known_blobs():  # not deleted meanwhile
                yield Finding(f"blob {blob}", f"{error}{_belongs(held.get(blob, []))}")


def _belongs(found: list[BlobHolder]) -> str:
    """Name what needs a blob, and what can be done about it."""
    return f"; it belongs to {' and '.join(f'{name}: {remedy}' for name, remedy in found)}" if found else ""


def _counts(runtime: Runtime, alone: bool) -> Iterator[Finding]:
    held = holders(runtime)
    found = disagreements(runtime, held)
    if found and not alone:
        time.sleep(SETTLE)
        held = holders(runtime)
        found = [one for one in disagreements(runtime, held) if one in found]
    for one in found:
        yield from _disagreement(one, held.get(one.blob, []))


def _disagreement(one: Disagreement, held: list[BlobHolder]) -> Iterator[Finding]:
    if one.counted is None:
        for name, remedy in held:
            told = "has lost its row, with --repair it gets it back" if one.store else f"is lost: {remedy}"
            yield Finding(name, f"its blob {one.blob} {told}")
    elif not held:
        yield Finding(f"blob {one.blob}", f"nothing needs it; with --repair it goes to {LOST}")
    else:
        names = " and ".join(sorted(name for name, _ in held))
        text = f"it is counted {one.counted} times, and needed {one.held} times, by {names}; --repair corrects that"
        yield Finding(f"blob {one.blob}", text)


def _files(runtime: Runtime, alone: bool) -> Iterator[Finding]:
    for store, blob in _orphans(runtime, alone):
        what = f"nothing refers to this file; the next start of the server moves it to {LOST}"
        yield Finding(f"blob {blob}", what, _own_files(runtime, store, blob))
    yield from (Finding(f"blob store {store}", problem) for store, problem in runtime.blobs.check())
    for file in runtime.blobs.staged() if alone else ():
        what = "it was never completed; the next start of the server removes it"
        yield Finding(f"staged file {file.name}", what, (file,) if _is_own(runtime, file) else ())


def _own_files(runtime: Runtime, store: str, blob: str) -> tuple[Path, ...]:
    """Return the file of a blob that nobody knows, if it lies in the data directory; others are left to their store."""
    file = runtime.blobs.stores[store].fetch(blob)
    try:
        return (file.path,) if _is_own(runtime, file.path) else ()
    finally:
        file.release()


def _is_own(runtime: Runtime, file: Path) -> bool:
    return file.is_relative_to(runtime.settings.data_dir)


def _orphans(runtime: Runtime, alone: bool) -> list[tuple[str, str]]:
    """Return files that no row names. A running server writes the file first, so a second look comes after a moment."""
    suspects = set(runtime.blobs.orphans())
    if suspects and not alone:
        time.sleep(SETTLE)
        suspects &= set(runtime.blobs.orphans())
    rows = runtime.blobs.names()
    lost = needed(runtime, {blob for _, blob in suspects} - rows.keys()) if suspects else set()
    return sorted((store, blob) for store, blob in suspects if blob not in lost)


# -- files ------------------------------------------------------------------------------------------------------------


def _modes(data_dir: Path) -> Iterator[Finding]:
    found = readable_by_others(data_dir)
    if data_dir in found:  # into one that is closed nobody comes, whatever the modes in it
        mode = stat.S_IMODE(data_dir.lstat().st_mode)
        within = f", and {len(found) - 1} files and folders in it" if len(found) > 1 else ""
        what = f"other users of the machine can use it ({mode:04o}){within}; --repair keeps them out"
        yield Finding(f"directory {data_dir}", what)


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
