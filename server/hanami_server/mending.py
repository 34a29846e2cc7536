"""What ``hanami doctor --repair`` does: it mends what can be mended without losing anything.

Nothing is removed: what is in the way goes to a folder of its own (`hanami_core.storage.aside`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hanami_core.audit import disagreements, holders, mend
from hanami_core.clock import SystemClock
from hanami_core.errors import StartupError
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.storage.aside import LostAndFound
from hanami_server.examination import damage, examine, opened
from hanami_server.privacy import close_to_others

__all__ = ["repair"]


def repair(data_dir: Path) -> list[str]:
    """Mend what can be mended, and return what was done. Nobody else may be there.

    Raises:
        StartupError: if there is no database, or it is damaged, or migrations fail.
    """
    # A directory that has no database is not a case for repair: all of it would be unknown.
    looking = opened(data_dir)
    try:
        broken = damage(looking)
    finally:
        looking.close()
    if broken:
        raise StartupError(f"the database of {data_dir} cannot be repaired, {broken}")
    done = _records(data_dir)
    strays = [file for finding in examine(data_dir, alone=True)[1] for file in finding.strays]
    return [*done, *_strays(data_dir, strays), *_modes(data_dir)]


def _records(data_dir: Path) -> list[str]:
    """Mend what stands in the database."""
    # Without the phase of start, in which plugins remove what they do not know.
    runtime = Runtime.assemble(data_dir, Role.MIGRATE)
    try:
        done = [f"migrated: {step}" for step in runtime.migrate(restore=True)]
        runtime.kinds = runtime.plugins.task_kinds()  # which know what else ends with a task
        done += [f"ended: task {task}, which had no queue" for task in runtime.queue.recover()]
        mended = (mend(runtime, one) for one in disagreements(runtime, holders(runtime)))
        return done + [f"mended: {text}" for text in mended if text]
    finally:
        runtime.close()


def _strays(data_dir: Path, files: list[Path]) -> Iterator[str]:
    lost = LostAndFound(data_dir, SystemClock())
    for file in files:
        yield f"moved: {file.relative_to(data_dir)} to {lost.move(file)}"


def _modes(data_dir: Path) -> Iterator[str]:
    if changed := close_to_others(data_dir):
        yield f"closed: {changed} files and folders are for their owner only now"
