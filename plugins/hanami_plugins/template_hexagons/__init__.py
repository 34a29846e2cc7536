"""The template language of hexagons, version 1."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.dialects import TemplateDialect
from hanami_plugins.template_hexagons.dialect import HexagonDialect

__all__ = ["HexagonDialect"]


@hookimpl
def hanami_template_dialects() -> list[TemplateDialect]:
    """Add the language."""
    return [HexagonDialect()]
