"""What people write on their things: another name, tags, and what it is about. Who may do so is for rules to decide."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import peewee

from hanami_core.access import Access
from hanami_core.errors import BadRequest, NotFound
from hanami_core.ids import NAME_PATTERN, normalised
from hanami_core.storage.database import ACTIVE, OwnedRecord, atomic, compare_and_set

__all__ = ["LabelledRecord", "set_labels", "tagged"]

R = TypeVar("R", bound="LabelledRecord")

MOST_TAGS = 32
LONGEST_TAG = 64
"""Bytes of a tag."""
LONGEST_TEXT = 4096
"""Bytes of what a thing is about."""
_END = "\n"


class TagsField(peewee.TextField):
    """A column with tags, each between two line ends, which no tag has."""

    def db_value(self, value: Any) -> Any:
        """Return tags as they are stored; a text is taken as it is, for conditions."""
        return value if isinstance(value, str) else _END.join(["", *value, ""]) if value else ""

    def python_value(self, value: str) -> tuple[str, ...]:
        """Return stored tags."""
        return tuple(filter(None, value.split(_END)))


class LabelledRecord(OwnedRecord):
    """A thing of a user with `tags`, and `about`, a text for people. A plugin with such a table adds both columns."""

    about = peewee.TextField(default="")
    tags = TagsField(default=())


def tagged(query: peewee.ModelSelect[R], tag: str) -> peewee.ModelSelect[R]:
    """Select those of some rows that have a tag; all of them, if the tag is empty."""
    if not tag:
        return query
    # Exact on any database, unlike LIKE.
    stored = query.model.tags.cast("TEXT")
    without = peewee.fn.REPLACE(stored, f"{_END}{normalised(tag)}{_END}", "")
    return query.where(without != stored)


def set_labels(
    access: Access,
    model: type[R],
    uuid: str,
    missing: str,
    *,
    name: str | None = None,
    about: str | None = None,
    tags: Sequence[str] | None = None,
    check: Callable[[R], None] = lambda row: None,
) -> R:
    """Change what is written on a row, and return it; what is None stays as it is.

    Args:
        access: what the actor may do.
        model: kind of the row.
        uuid: the row.
        missing: code of the error if there is no such row that the actor may change.
        name: what it is called from now on.
        about: what it is about; line ends are allowed.
        tags: all tags that it has from now on.
        check: is shown the row with its new labels before they are stored, in the same transaction.

    Raises:
        NotFound: with the code `missing`.
        BadRequest: if nothing is to be changed, or a tag or the text breaks a rule.
    """
    with atomic():
        row = access.get(model, uuid, missing, "write")
        given: dict[str, object] = {"name": name, "about": _text(about), "tags": _tags(tags)}
        values = {label: value for label, value in given.items() if value is not None}
        if not values:
            raise BadRequest("labels_missing")
        for label, value in values.items():
            setattr(row, label, value)
        check(row)
        still = (model.sequence == row.sequence) & (model.status == ACTIVE)
        if not compare_and_set(model, still, **values):
            raise NotFound(missing, uuid=uuid)
    return row


def _text(about: str | None) -> str | None:
    if about is None:
        return None
    if len(about.encode()) > LONGEST_TEXT:
        raise BadRequest("field_too_long", field="about", limit=LONGEST_TEXT)
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", about):
        raise BadRequest("about_odd", field="about")
    return normalised(about)


def _tags(tags: Sequence[str] | None) -> tuple[str, ...] | None:
    if tags is None:
        return None
    if len(tags) > MOST_TAGS:
        raise BadRequest("tags_too_many", limit=MOST_TAGS)
    for tag in tags:
        if not re.fullmatch(NAME_PATTERN, tag) or len(tag.encode()) > LONGEST_TAG:
            raise BadRequest("tag_odd", limit=LONGEST_TAG)
    return tuple(dict.fromkeys(map(normalised, tags)))
