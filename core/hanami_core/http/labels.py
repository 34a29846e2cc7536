"""The route that changes what is written on a row, and lists that tell it; plugins with such rows use both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import peewee
from msgspec import Meta

from hanami_core.http import Call, Listing, Paging, Route, listing
from hanami_core.http.sharing import OwnedAnswer, owned_answer
from hanami_core.ids import Name, Uuid
from hanami_core.labels import LabelledRecord, tagged

__all__ = ["LabelledAnswer", "Labels", "SetLabels", "WantedRows", "detailed", "labels_of", "labels_route"]

ABOUT, TAGS = "60,000 handwritten digits", ["mnist", "digits"]
About = Annotated[
    str | msgspec.UnsetType, Meta(description="Description by its owner; only with `details`.", examples=[ABOUT])
]
Tags = Annotated[
    list[str] | msgspec.UnsetType, Meta(description="Tags, in the order given; only with `details`.", examples=[TAGS])
]


class SetLabels(msgspec.Struct, forbid_unknown_fields=True):
    """A new name, description and tags; what is missing or null stays as it is.

    Attributes:
        uuid: UUID of what is changed.
        name: new name.
        about: new description, up to 4096 bytes; line ends are allowed.
        tags: all tags from now on, up to 32 of 64 bytes each; an empty list removes them.
    """

    uuid: Uuid
    name: Name | None = None
    about: Annotated[str, Meta(max_length=4096, examples=[ABOUT])] | None = None
    tags: Annotated[list[str], Meta(examples=[TAGS])] | None = None


class WantedRows(Paging, forbid_unknown_fields=True, kw_only=True):
    """The requested part of a list.

    Attributes:
        details: whether rows have more columns, such as `about` and `tags`.
        tag: only rows with this tag; empty for all.
    """

    details: bool = False
    tag: Annotated[str, Meta(max_length=64, examples=["mnist"])] = ""


class Labels(msgspec.Struct, kw_only=True):
    """What is written on a row."""

    about: About = msgspec.UNSET
    tags: Tags = msgspec.UNSET


class LabelledAnswer(OwnedAnswer, kw_only=True):
    """A row with an owner, and what is written on it."""

    about: About = msgspec.UNSET
    tags: Tags = msgspec.UNSET


def labels_of(row: LabelledRecord) -> dict[str, Any]:
    """Return what is written on a row, for an answer."""
    return {"about": row.about, "tags": list(row.tags)}


def detailed(
    header: tuple[str, ...],
    more: dict[str, Callable[[object], object]],
    query: peewee.ModelSelect[Any],
    request: WantedRows,
) -> Listing:
    """Return the wanted part of a list.

    Args:
        header: the columns that all get, which rows of the table have.
        more: further columns for those who want details, and what makes their cells; labels come behind them.
        query: the rows that the actor may see, oldest first.
        request: what is wanted.
    """
    found = tagged(query, request.tag)
    if not request.details:
        return listing(header, found, request)
    makers: dict[str, Callable[[Any], Any]] = {
        **more,
        "about": lambda row: row.about,
        "tags": lambda row: list(row.tags),
    }

    def cells(row: Any) -> list[Any]:
        owned = owned_answer(row)
        return [*(owned[name] for name in header), *(make(row) for make in makers.values())]

    return listing((*header, *makers), found, request, cells)


def labels_route(prefix: str, resource: str, change: Callable[..., LabelledRecord]) -> Route:
    """Return the route ``PUT <prefix>/labels``.

    Args:
        prefix: path of the noun.
        resource: what policies call it, such as ``datasets``.
        change: takes access, uuid, name, about and tags, and does what `hanami_core.labels.set_labels` does.
    """

    def set_labels(call: Call, request: SetLabels) -> dict[str, Any]:
        """Change the name, the description or the tags."""
        row = change(call.access, request.uuid, name=request.name, about=request.about, tags=request.tags)
        return owned_answer(row) | labels_of(row)

    action, example = f"{resource}.label", ("about", "tags")
    return Route("PUT", f"{prefix}/labels", action, SetLabels, LabelledAnswer, set_labels, example=example)
