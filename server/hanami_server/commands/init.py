"""``hanami init``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hanami_core.errors import StartupError
from hanami_server.commands import common

__all__ = ["run"]

USAGE = """
Create a data directory: database, keys, and the first admin if there is none yet. Running it again changes nothing.

Usage:
    hanami init [--data-dir DIR] [--plugins-dir DIR]

Options:
    --data-dir DIR     data directory (default: $HANAMI_DATA_DIR, else ./hanami-data)
    --plugins-dir DIR  folder with single-file plugins (default: $HANAMI_PLUGINS_DIR)
    -h --help          show this text

The first admin comes from HANAMI_ADMIN_ID, HANAMI_ADMIN_NAME and HANAMI_ADMIN_PASSPHRASE; missing values are prompted
for. If a server is running in the data directory, there is nothing left to do.
"""

_VARIABLES = {
    "Id of the first admin": ("HANAMI_ADMIN_ID", "HANAMI_ADMIN_USER_ID"),
    "Name of the first admin": ("HANAMI_ADMIN_NAME", "HANAMI_ADMIN_USER_NAME"),
    "Passphrase of the first admin": ("HANAMI_ADMIN_PASSPHRASE", "HANAMI_ADMIN_PASSWORD"),
}


def run(argv: Sequence[str]) -> int:
    """Run the command and return the exit code."""
    arguments = common.parse(USAGE, "init", argv)
    common.use_plugins_dir(arguments)
    return common.guarded(lambda: _init(common.data_dir(arguments)))


def _init(data_dir: Path) -> int:
    from hanami_server.paths import server_lock_path
    from hanami_server.privacy import close_to_others
    from hanami_server.process_control import hold

    common.quiet()
    if _serves(data_dir):
        print(f"{data_dir} is ready, a server uses it")
        return 0
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Nobody else may be there: tables are changed, and what a crash has left is removed.
    with hold(server_lock_path(data_dir), f"data directory {data_dir}"):
        close_to_others(data_dir)
        _make(data_dir)
    return 0


def _serves(data_dir: Path) -> bool:
    """Tell whether a server runs; it has prepared the directory itself, and would not without an admin."""
    from hanami_server.paths import server_lock_path
    from hanami_server.process_control import holder
    from hanami_server.supervisor import read_state

    state = read_state(data_dir)
    return state is not None and state.pid == holder(server_lock_path(data_dir))


def _make(data_dir: Path) -> None:
    from hanami_core.roles import Role
    from hanami_core.runtime import Runtime

    runtime = Runtime.open(data_dir, Role.MIGRATE)
    try:
        if runtime.identity is None:
            raise StartupError("no plugin keeps users; see 'hanami plugins'")
        if runtime.identity.has_admin():
            print(f"{data_dir} is ready")
            return
        first = _first_admin(os.environ)
        runtime.identity.create_admin(*first)
        print(f"{data_dir} is ready, the first admin is {first[0]}")
    finally:
        runtime.close()


def _first_admin(environ: Mapping[str, str]) -> tuple[str, str, str]:
    identity, name, passphrase = (
        next((environ[variable] for variable in variables if environ.get(variable)), None) or _ask(what, variables[0])
        for what, variables in _VARIABLES.items()
    )
    return identity, name, passphrase


def _ask(what: str, variable: str) -> str:
    if not sys.stdin.isatty():
        raise StartupError(f"{what} is missing, set {variable}")
    if "PASSPHRASE" not in variable:
        return input(f"{what}: ")
    from getpass import getpass

    first = getpass(f"{what}: ")
    if getpass("Once more: ") != first:
        raise StartupError("the passphrases differ")
    return first
