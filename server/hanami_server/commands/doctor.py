"""``hanami doctor``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hanami_core.errors import StartupError
from hanami_server.commands import common

if TYPE_CHECKING:
    from hanami_core.checks import Finding

__all__ = ["run"]

USAGE = """
Check all stored data: read every table, hash every blob, compare database rows with each other and with files, and look
for unknown files and for files that other users can read.

Usage:
    hanami doctor [options]

Options:
    --data-dir DIR     data directory (default: $HANAMI_DATA_DIR, else ./hanami-data)
    --plugins-dir DIR  folder with single-file plugins (default: $HANAMI_PLUGINS_DIR)
    --json             print JSON
    --repair           make safe repairs: run migrations, recreate lost tables (empty), end tasks that would wait
                       forever, correct counts, move files that nothing refers to into lost+found/DATE in the data
                       directory, and remove access for other users of the machine
    -h --help          show this text

The exit code is 1 if anything is wrong. Without --repair, nothing is changed and the server may be running. With it,
the server must be stopped.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command and return the exit code."""
    arguments = common.parse(USAGE, "doctor", argv)
    common.use_plugins_dir(arguments)
    data_dir = common.data_dir(arguments)
    work = _repair if arguments["--repair"] else _examine
    return common.guarded(lambda: work(data_dir, bool(arguments["--json"])))


def _examine(data_dir: Path, as_json: bool) -> int:
    from hanami_server.examination import examine
    from hanami_server.paths import server_lock_path
    from hanami_server.process_control import holder

    _require(data_dir)
    user = holder(server_lock_path(data_dir))
    blobs, findings = examine(data_dir, alone=user is None)
    if holder(server_lock_path(data_dir)) != user:
        raise StartupError("a server was started or stopped meanwhile, which looks like damage; look again")
    return _tell(blobs, findings, as_json, {})


def _repair(data_dir: Path, as_json: bool) -> int:
    from hanami_server.examination import examine
    from hanami_server.mending import repair
    from hanami_server.paths import server_lock_path
    from hanami_server.process_control import hold

    _require(data_dir)
    with hold(server_lock_path(data_dir), f"data directory {data_dir}"):
        done = repair(data_dir)
        blobs, findings = examine(data_dir, alone=True)
    if not as_json:
        for line in done:
            print(line)
    return _tell(blobs, findings, as_json, {"repaired": done})


def _require(data_dir: Path) -> None:
    common.quiet()
    if not data_dir.is_dir():
        raise StartupError(f"there is no data directory {data_dir}")


def _tell(blobs: int, findings: list[Finding], as_json: bool, more: dict[str, object]) -> int:
    if as_json:
        found = [{"where": finding.where, "what": finding.what} for finding in findings]
        common.print_json({"blobs": blobs, "findings": found} | more)
    else:
        for finding in findings:
            print(f"{finding.where}: {finding.what}", file=sys.stderr)
        print(f"{blobs} blobs checked, {len(findings) or 'no'} problem{'s' if len(findings) != 1 else ''} found")
    return 1 if findings else 0
