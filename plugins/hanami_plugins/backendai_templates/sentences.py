"""Texts of errors of session templates."""

from __future__ import annotations

__all__ = ["SENTENCES"]

SENTENCES = {
    "session_template_missing": "There is no session template '{id}'",
    "session_templates_exhausted": "There are {limit} session templates already, and there cannot be more",
}
