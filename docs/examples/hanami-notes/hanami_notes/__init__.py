"""Notes with an API of their own: signed requests and cookies, problems in JSON, a stream of changes, large files."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Api, Route
from hanami_core.identity import Authenticator
from hanami_core.keys import secret_key
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_notes import login, routes
from hanami_notes.api import NotesApi
from hanami_notes.credentials import CREDENTIALS, Credentials
from hanami_notes.hooks import Hooks
from hanami_notes.models import Note
from hanami_notes.schemes import SessionScheme, SignatureScheme


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare the limits."""
    return [
        Setting("notes.largest_file", int, 1 << 30, "Largest file that can be attached to a note, in bytes", 0),
        Setting("notes.window", int, 300, "Seconds for which a signed request is good", 1, 3600),
    ]


@hookimpl
def hanami_hookspecs() -> type[Hooks]:
    """Declare what others may add."""
    return Hooks


@hookimpl
def hanami_models() -> list[type[Note]]:
    """Add the table."""
    return [Note]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """Read the key that credentials are made with."""
    runtime.stash[CREDENTIALS] = Credentials(secret_key(runtime, "notes"), runtime.clock)


@hookimpl
def hanami_authenticators(runtime: Runtime) -> list[Authenticator]:
    """Add the two ways to say who one is."""
    return [SignatureScheme(runtime), SessionScheme(runtime)]


@hookimpl
def hanami_apis() -> list[Api]:
    """Add ``/notes``."""
    return [NotesApi("notes", "/notes", (SignatureScheme.name, SessionScheme.name))]


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add all routes."""
    return [*login.routes(), *routes.routes(runtime.settings["notes.largest_file"])]
