"""The language as the core sees it."""

from __future__ import annotations

import re

from hanami_core.errors import TemplateError
from hanami_core.network import Template
from hanami_core.network.declared import Declarations
from hanami_plugins.template_hexagons.build import build
from hanami_plugins.template_hexagons.grammar import read
from hanami_plugins.template_hexagons.write import write

LONGEST_TEXT = 1 << 16

_HEAD = re.compile(r"\s*version\b")


class HexagonDialect:
    """Version 1 of the template language."""

    name = "hexagons"

    def recognises(self, text: str) -> bool:
        """Tell whether a text begins like a template."""
        return _HEAD.match(text) is not None

    def parse(self, text: str, declarations: Declarations) -> Template:
        """Return the checked template.

        Args:
            text: what the user wrote.
            declarations: names of the rule sets, and the settings that a template may have because of them.

        Raises:
            TemplateError: with line, column and the broken rule.
        """
        if len(text) > LONGEST_TEXT:
            raise TemplateError(f"the text is longer than {LONGEST_TEXT} characters")
        return build(read(text), declarations)

    def write(self, template: Template) -> str | None:
        """Return the text of a template, None if it has names or sizes that the language does not know."""
        return write(template)
