"""``hanami doctor``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hanami_server.commands import common

if TYPE_CHECKING:
    import peewee

    from hanami_core.runtime import Runtime

__all__ = ["Finding", "run"]

USAGE = """
Check everything that is stored: read every table, hash every blob again, look for files that nobody knows.

Usage:
    hanami doctor [options]

Options:
    --data-dir DIR  data directory (default: $HANAMI_DATA_DIR, else ./hanami-data)
    --json          print JSON
    -h --help       show this text

Ends with 1 if anything is wrong. The server may run meanwhile.
"""

SETTLE = 1.0


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: in the database, with a blob, or with a plugin."""

    where: str
    what: str


def run(argv: Sequence[str]) -> int:
    """Run the command and return the exit code."""
    arguments = common.parse(USAGE, "doctor", argv)
    return common.guarded(lambda: _doctor(common.data_dir(arguments), bool(arguments["--json"])))


def _doctor(data_dir: Path, as_json: bool) -> int:
    from hanami_core.errors import StartupError
    from hanami_core.roles import Role
    from hanami_core.runtime import Runtime

    common.quiet()
    if not data_dir.is_dir():
        raise StartupError(f"there is no data directory {data_dir}")
    runtime = Runtime.open(data_dir, Role.MIGRATE)
    try:
        findings = list(_examine(runtime))
        count = len(_known_blobs())
    finally:
        runtime.close()
    if as_json:
        common.print_json({"blobs": count, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            print(f"{finding.where}: {finding.what}", file=sys.stderr)
        print(f"{count} blobs checked, {len(findings) or 'no'} problem{'s' if len(findings) != 1 else ''} found")
    return 1 if findings else 0


def _examine(runtime: Runtime) -> Iterator[Finding]:
    yield from (
        Finding(f"plugin {plugin.name}", plugin.reason)
        for plugin in runtime.plugins.plugins.values()
        if plugin.state in ("broken", "degraded")
    )
    yield from _examine_database(runtime)
    yield from _examine_blobs(runtime)


def _examine_database(runtime: Runtime) -> Iterator[Finding]:
    from hanami_core.runtime import CORE_MODELS

    models = [*CORE_MODELS, *runtime.models.values()]
    for model in models:
        yield from _problem(f"table {model._meta.table_name}", lambda model=model: _read(model))  # type: ignore[misc]
    yield from (Finding("database", problem) for problem in runtime.database.check())


def _problem(where: str, check: Callable[[], None]) -> Iterator[Finding]:
    import peewee

    try:
        check()
    except (peewee.PeeweeException, ValueError) as error:
        yield Finding(where, str(error))


def _read(model: type[peewee.Model]) -> None:
    for _ in model.select().iterator():
        pass


def _known_blobs() -> set[str]:
    from hanami_core.storage.blobs import Blob

    return {str(row.uuid) for row in Blob.select(Blob.uuid)}


def _examine_blobs(runtime: Runtime) -> Iterator[Finding]:
    from hanami_core.errors import HanamiError

    for blob in sorted(_known_blobs()):
        try:
            runtime.blobs.verify(blob)
        except (HanamiError, OSError) as error:
            if blob in _known_blobs():  # not deleted meanwhile
                yield Finding(f"blob {blob}", str(error))
    for _, blob in _orphans(runtime):
        yield Finding(f"blob {blob}", "nothing refers to this file; the next start of the server removes it")
    yield from (Finding(f"blob store {store}", problem) for store, problem in runtime.blobs.check())


def _orphans(runtime: Runtime) -> list[tuple[str, str]]:
    """Return files without a row. A running server writes the file first, so a second look comes after a moment."""
    suspects = set(runtime.blobs.orphans())
    if suspects:
        time.sleep(SETTLE)
        suspects &= set(runtime.blobs.orphans())
    return sorted(suspects)
