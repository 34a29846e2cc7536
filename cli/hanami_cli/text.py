"""Small helpers for text that goes to a terminal.

Owns how foreign text is made harmless and how a mistyped word is put right. Must not know what the text is about.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Verbatim", "one_line", "printable", "suggestion"]


class Verbatim(str):
    """A text whose lines are shown as they are."""

    @classmethod
    def of(cls, lines: Iterable[str]) -> Verbatim:
        """Return lines as a text, each of them harmless."""
        return cls("\n".join(map(printable, lines)))


def printable(text: str) -> str:
    """Return `text` with control characters escaped, so that a server cannot steer the terminal.

    Newlines and tabs become blanks.
    """
    return "".join(_harmless(character) for character in text)


def one_line(text: str) -> str:
    """Return `text` harmless and on a single line, runs of white space as one blank."""
    return printable(" ".join(text.split()))


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean "…"?` with the known word that begins with `word` or is nearest to it, or nothing."""
    from difflib import get_close_matches

    names = {name.lstrip("-"): name for name in known}
    meant = word.lstrip("-")
    longer = [name for name in names if meant and name.startswith(meant)]
    near = longer if len(longer) == 1 else get_close_matches(meant, names, n=1)
    return f', did you mean "{names[near[0]]}"?' if near else ""


def _harmless(character: str) -> str:
    if character in "\n\t":
        return " "
    return character if character.isprintable() else ascii(character)[1:-1]
