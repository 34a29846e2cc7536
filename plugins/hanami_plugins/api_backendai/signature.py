"""Signatures of requests as Backend.AI's clients make them. Knows neither HTTP servers nor where keys are kept.

A signature covers the method, the target as it was sent, the date, the host, the media type and the version of the API,
but not the body: see section "Authentication" of Backend.AI's API manual.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["HASHES", "WINDOW", "Authorization", "Signed", "is_current", "parse_authorization", "sign"]

HASHES = {"HMAC-SHA256": "sha256", "HMAC-SHA384": "sha384", "HMAC-SHA512": "sha512"}
"""Methods of signing, and the hashes behind them."""
WINDOW = timedelta(minutes=15)
"""How far the clock of a client may be off."""
NO_TYPE = "application/octet-stream"
"""What a request without a media type counts as."""

_AUTHORIZATION = re.compile(
    r"BackendAI\s+signMethod=(?P<method>[A-Za-z0-9-]+)\s*,\s*credential=(?P<access>[^:,\s]+):(?P<signature>[0-9a-fA-F]+)"
)


@dataclass(frozen=True)
class Authorization:
    """What the header ``Authorization`` says: name of the hash, access key, and the signature in hexadecimal digits."""

    hash: str
    access_key: str
    signature: str


@dataclass(frozen=True)
class Signed:
    """What a signature covers.

    Attributes:
        method: method in capital letters.
        target: path and query as they were sent, nothing decoded.
        date: header ``Date``.
        host: header ``Host``.
        content_type: header ``Content-Type``, empty if there is none.
        version: header ``X-BackendAI-Version``.
    """

    method: str
    target: str
    date: str
    host: str
    content_type: str
    version: str


def parse_authorization(header: str) -> Authorization:
    """Return what a header says.

    Raises:
        ValueError: if it has another form, or names an unknown hash.
    """
    found = _AUTHORIZATION.fullmatch(header.strip())
    if found is None:
        raise ValueError("Authorization must be 'BackendAI signMethod=HMAC-SHA256, credential=KEY:SIGNATURE'")
    name = HASHES.get(found["method"].upper())
    if name is None:
        raise ValueError(f"signMethod must be one of {', '.join(HASHES)}")
    return Authorization(name, found["access"], found["signature"].lower())


def is_current(date: str, now: float) -> bool:
    """Tell whether a date in the form of ISO 8601 is at most a quarter of an hour from `now`, in seconds since 1970.

    Raises:
        ValueError: if it is not such a date, or does not name its time zone.
    """
    moment = datetime.fromisoformat(date)
    if moment.tzinfo is None:
        raise ValueError("the header Date must name its time zone")
    return abs(moment - datetime.fromtimestamp(now, UTC)) <= WINDOW


def sign(signed: Signed, secret: str, hash_name: str) -> str:
    """Return the signature that a secret key gives, in hexadecimal digits.

    Raises:
        ValueError: if the date has another form than that of ISO 8601.
    """
    day = datetime.fromisoformat(signed.date).strftime("%Y%m%d")
    host = signed.host.lower()
    media_type = signed.content_type.partition(";")[0].strip().lower() or NO_TYPE
    lines = (
        signed.method.upper(),
        signed.target,
        signed.date,
        f"host:{host}",
        f"content-type:{media_type}",
        f"x-backendai-version:{signed.version}",
        hashlib.new(hash_name).hexdigest(),
    )
    key = secret.encode()
    for text in (day, host):
        key = hmac.new(key, text.encode(), hash_name).digest()
    return hmac.new(key, "\n".join(lines).encode(), hash_name).hexdigest()
