"""Servers of tests: as quick to start as they can be without being others than those of users."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import BinaryIO

from hanami_core.errors import StartupError
from hanami_server import local
from tests import warm

__all__ = ["LocalServer"]

DATABASE = "hanami.db"
USUAL = {"http.workers": 1, "users.argon2_time": 1, "users.argon2_memory": 1024}


class LocalServer(local.LocalServer):
    """A server with the database of a new directory that ``hanami init`` has made once for all of them.

    Its keys and its identities are its own. One process answers REST and logins cost next to nothing, unless a test
    says otherwise.
    """

    def __init__(self, data_dir: Path, *flags: str, settings: Mapping[str, object] | None = None) -> None:
        """Use a data directory, see `hanami_server.local.LocalServer`."""
        chosen = " ".join((*flags, *(settings or {})))
        usual = [f"--set={name}={value}" for name, value in USUAL.items() if name not in chosen]
        super().__init__(data_dir, *usual, *flags, settings=settings)
        self.passphrase = _passphrase()

    def make(self) -> None:
        """Copy the database, unless the server is to keep its data elsewhere."""
        if any(name.startswith("storage.") for name in self._settings):
            super().make()
            return
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(_made(self.user, self.passphrase, os.environ.get("PYTHONPATH")), self.data_dir / DATABASE)
        (self.data_dir / DATABASE).chmod(0o600)

    def _launch(self, argv: list[str], log: BinaryIO) -> subprocess.Popen[bytes] | warm.Process:
        """Start a copy of a process that has loaded all, if one will do."""
        return warm.start(argv, log, os.environ) or super()._launch(argv, log)


@cache
def _passphrase() -> str:
    return local.LocalServer(Path()).passphrase


@cache
def _made(user: str, passphrase: str, plugins: str | None) -> Path:
    """Return the database of a directory that has an admin and nothing else, made with the plugins of a path."""
    directory = Path(tempfile.mkdtemp(prefix="hanami-made-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    server = local.LocalServer(directory / "data")
    server.user, server.passphrase = user, passphrase
    if not _initialized(server, directory / "log"):
        server.make()
    return directory / "data" / DATABASE


def _initialized(server: local.LocalServer, log: Path) -> bool:
    """Make a data directory with a copy of a process that has loaded all, or return False if that will not do."""
    admin = {f"HANAMI_ADMIN_{name}": server.user for name in ("ID", "NAME")}
    admin["HANAMI_ADMIN_PASSPHRASE"] = server.passphrase
    with log.open("wb") as stream:
        process = warm.start(["init", "--data-dir", str(server.data_dir)], stream, {**os.environ, **admin})
    if process is not None and process.wait():
        raise StartupError(log.read_text())
    return process is not None
