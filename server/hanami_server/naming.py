"""Lets the application say what the server is called; gunicorn knows one name for all answers.

Must not know any Api.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["named"]

Write = Callable[[bytes], object]


def named(application: WSGIApplication) -> WSGIApplication:
    """Return the application, with its header ``Server`` in the place of gunicorn's."""

    def call(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = getattr(start_response, "__self__", None)

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Write:
            name = next((value for key, value in headers if key.lower() == "server"), None)
            if name is None or response is None:
                return start_response(status, headers, *more)
            # gunicorn writes this attribute as the header; a second one would contradict it.
            response.version = name
            return start_response(status, [pair for pair in headers if pair[0].lower() != "server"], *more)

        return application(environ, start)

    return call
