"""Languages that templates are written in."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from hanami_core.network import Template
from hanami_core.network.declared import Declarations


@runtime_checkable
class TemplateDialect(Protocol):
    """One language."""

    @property
    def name(self) -> str:
        """Unique name."""

    def recognises(self, text: str) -> bool:
        """Return quickly whether a text is meant to be in this language, even if it has errors."""

    def parse(self, text: str, declarations: Declarations) -> Template:
        """Return the checked template.

        Args:
            text: what the user wrote.
            declarations: names of the rule sets, and the settings that a template may have because of them.

        Raises:
            TemplateError: with line, column and the broken rule.
        """


@runtime_checkable
class TemplateWriter(Protocol):
    """A language in which templates can also be written; a `TemplateDialect` can be one."""

    def write(self, template: Template) -> str | None:
        """Return a text that `parse` turns into this template, None if the language cannot express it."""
