"""Which part of an answer a request asks for, as RFC 9110 has it: `Range`, `If-Range` and `If-None-Match`.

A header that cannot be read, or that asks for several parts, is passed over, which the RFC allows: all is sent then.
"""

from __future__ import annotations

import re

import falcon

__all__ = ["is_known", "wanted"]

_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")


def wanted(request: falcon.Request, length: int, tag: str) -> range | None:
    """Return the bytes that a request asks for of so many, or None if there are none of these.

    Args:
        request: the request.
        length: size of the whole in bytes.
        tag: name of the content; who wants a part of another one gets all.
    """
    whole = range(length)
    found = _RANGE.fullmatch((request.get_header("Range") or "").strip())
    condition = request.get_header("If-Range")
    if found is None or (condition is not None and condition.strip() != f'"{tag}"'):
        return whole
    first, last = found.groups()
    if not first:
        part = whole[max(0, length - int(last)) :] if last else whole
    elif last and int(last) < int(first):
        return whole
    else:
        part = whole[int(first) : int(last) + 1 if last else length]
    return part or None


def is_known(request: falcon.Request, tag: str) -> bool:
    """Tell whether a client has the content already."""
    known = request.get_header("If-None-Match") or ""
    return any(one.strip().removeprefix("W/") in (f'"{tag}"', "*") for one in known.split(","))
