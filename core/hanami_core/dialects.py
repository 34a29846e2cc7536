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
        """Tell quickly whether a text is meant to be of this language, even if it has errors."""

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
    """A language that templates are also shown in; a `TemplateDialect` may be one."""

    def write(self, template: Template) -> str | None:
        """Return a text which `parse` makes this template of, None if the language has none for it."""
