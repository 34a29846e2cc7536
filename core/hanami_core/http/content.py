"""Bodies that are content of a kind, such as an image or an array, on a route whose other bodies are fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import falcon

__all__ = ["ContentBody"]


@dataclass(frozen=True)
class ContentBody:
    """What a route takes besides fields: content, which the handler reads from ``call.body``.

    Args:
        media_types: media types of the content, such as ``image/png``; the header ``Content-Type`` tells them.
        request: struct of the fields of such a call, which are all in the path and the query.
        max_body: largest content in bytes.
    """

    media_types: tuple[str, ...]
    request: type[msgspec.Struct]
    max_body: int

    def is_sent(self, request: falcon.Request) -> bool:
        """Tell whether a request has such a body."""
        return media_type(request) in self.media_types


def media_type(request: falcon.Request) -> str:
    """Return the media type of a body, without its parameters; empty if the request does not tell."""
    return (request.content_type or "").partition(";")[0].strip().lower()
