"""What other plugins may add to notes."""

from __future__ import annotations

from hanami_core import hookspec
from hanami_core.runtime import Runtime
from hanami_notes.models import Note


class Hooks:
    """The hooks of this plugin."""

    @staticmethod
    @hookspec
    def notes_panels(note: Note) -> str | None:
        """Return a text that is shown beside a note, or None."""


def panels(runtime: Runtime, note: Note) -> list[str]:
    """Ask all who add something; what is not a text is left out."""
    found = runtime.plugins.extension("notes_panels", note=note)
    return [one.item for one in found if isinstance(one.item, str)]
