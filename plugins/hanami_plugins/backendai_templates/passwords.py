"""Git passwords of session templates, which are stored encrypted. Knows no HTTP."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import msgspec
from peewee import Expression

from hanami_core.checks import Finding
from hanami_core.errors import StartupError, Unavailable
from hanami_core.keys import secret_key
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_core.storage.database import compare_and_set
from hanami_plugins.backendai_templates.documents import GitCredential, TaskTemplate
from hanami_plugins.backendai_templates.models import SessionTemplate
from hanami_plugins.keypairs import Vault

__all__ = ["KEY_NAME", "VAULT", "columns", "complete", "open_vault", "seal_plain", "unreadable"]

KEY_NAME = "backendai_templates"
VAULT: StashKey[Vault] = StashKey("backendai_templates.vault")


def open_vault(runtime: Runtime) -> Vault:
    """Return what encrypts with the key in the data directory, which is made if this process prepares the others.

    Raises:
        StartupError: if there is no usable key, or it was lost: a new one would open none of the passwords.
    """
    file = runtime.settings.data_dir / f"{KEY_NAME}.key"
    if not file.exists() and (count := _encrypted(runtime)):
        raise StartupError(f"{file} is missing, but git passwords ({count}) are encrypted with it; put it back")
    return Vault(secret_key(runtime, KEY_NAME), KEY_NAME)


def _encrypted(runtime: Runtime) -> int:
    """Return how many passwords are stored; whoever only looks may find no table yet, or an older one."""
    driver, table = runtime.database.driver, SessionTemplate._meta.table_name
    known = table in driver.get_tables() and any(column.name == "password" for column in driver.get_columns(table))
    return int(SessionTemplate.select().where(_has_password()).count()) if known else 0


def _has_password() -> Expression:
    found: Expression = SessionTemplate.password != ""
    return found


def columns(runtime: Runtime, uuid: str, template: TaskTemplate) -> dict[str, str]:
    """Return the columns that tell what a template says; `uuid` is that of its row."""
    stored = msgspec.convert(msgspec.to_builtins(template), TaskTemplate)
    found = _credential(stored)
    password, sealed = "" if found is None else found.password, b""
    if found is not None and password:
        sealed = runtime.stash[VAULT].seal(password.encode(), _name(uuid))
        found.password = ""
    return {"document": msgspec.json.encode(stored).decode(), "password": base64.b64encode(sealed).decode()}


def complete(runtime: Runtime, row: SessionTemplate) -> TaskTemplate:
    """Return what a template says, with the password.

    Raises:
        Unavailable: if the password was encrypted with another key than that of the data directory.
    """
    template = msgspec.json.decode(row.document, type=TaskTemplate)
    found = _credential(template)
    if found is not None and row.password:
        found.password = runtime.stash[VAULT].open(base64.b64decode(row.password), _name(row.uuid)).decode()
    return template


def _credential(template: TaskTemplate) -> GitCredential | None:
    git = template.spec.kernel.git
    return None if git is None else git.credential


def _name(uuid: str) -> str:
    return f"git password of template {uuid}"


def seal_plain(runtime: Runtime) -> None:
    """Encrypt the passwords of templates that were stored before passwords were encrypted."""
    for row in list(SessionTemplate.select().where(SessionTemplate.document.contains('"credential"'))):
        found = _credential(msgspec.json.decode(row.document, type=TaskTemplate))
        if found is not None and found.password:
            same = (SessionTemplate.sequence == row.sequence) & (SessionTemplate.document == row.document)
            compare_and_set(SessionTemplate, same, **columns(runtime, row.uuid, complete(runtime, row)))


def unreadable(runtime: Runtime) -> Iterator[Finding]:
    """Yield the templates whose passwords were encrypted with another key than that of the data directory."""
    for row in SessionTemplate.select().where(_has_password()):
        try:
            complete(runtime, row)
        except Unavailable:
            what = f"its git password was not encrypted with {KEY_NAME}.key; put the right file back, or store it again"
            yield Finding(f"session template {row.uuid}", what)
