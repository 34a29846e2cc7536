"""Paths inside of folders: texts that clients send become tuples of names, or are refused.

Every path is relative to its folder. What lies at a path is known to storages only.
"""

from __future__ import annotations

from typing import NewType

from hanami_core.errors import BadRequest

__all__ = ["ROOT", "FolderPath", "parse_name", "parse_path", "path_text"]

FolderPath = NewType("FolderPath", tuple[str, ...])
"""Names from the top of a folder down; none of them is empty, ``.`` or ``..``, or contains ``/`` or NUL."""

ROOT = FolderPath(())
"""The folder itself."""

MAX_PATH_BYTES = 4096
MAX_NAME_BYTES = 255


def parse_path(text: str, *, root: bool = False) -> FolderPath:
    """Return the path that a text names; ``.`` and empty names in it mean nothing.

    Args:
        text: names with ``/`` between them.
        root: whether the path of the folder itself, such as ``.``, is accepted.

    Raises:
        BadRequest: if the path is absolute or too long, or contains ``..`` or a name that no file can have.
    """
    if text.startswith("/"):
        raise _refused(text, "it must be relative to the folder")
    if len(_encoded(text)) > MAX_PATH_BYTES:
        raise _refused(text[:100] + "…", f"it has more than {MAX_PATH_BYTES} bytes")
    names = tuple(name for name in text.split("/") if name not in ("", "."))
    for name in names:
        _check(text, name)
    if not names and not root:
        raise _refused(text, "it must name something in the folder")
    return FolderPath(names)


def parse_name(text: str) -> str:
    """Return a text that is a single name.

    Raises:
        BadRequest: if it is none.
    """
    names = parse_path(text)
    if len(names) != 1 or names[0] != text:
        raise _refused(text, "it must be a single name")
    return text


def path_text(path: FolderPath) -> str:
    """Return a path as a text that `parse_path` reads; ``.`` for the folder itself."""
    return "/".join(path) or "."


def _check(text: str, name: str) -> None:
    if name == "..":
        raise _refused(text, "it must not contain '..'")
    if "\0" in name:
        raise _refused(text.replace("\0", "\\0"), "it must not contain a NUL character")
    if len(_encoded(name)) > MAX_NAME_BYTES:
        raise _refused(text[:100] + "…", f"a name in it has more than {MAX_NAME_BYTES} bytes")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _refused(ascii(text)[:100], "it is not valid Unicode") from None


def _refused(text: str, reason: str) -> BadRequest:
    return BadRequest("folder_path_invalid", path=text, reason=reason)
