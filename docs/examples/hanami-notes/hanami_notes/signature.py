"""How a request is signed, by clients as well as by the server: an HMAC of its method, target, host, date and body."""

from __future__ import annotations

import base64
import hashlib
import hmac
from email.utils import formatdate


def sign(secret: str, method: str, target: str, host: str, date: str, digest: str) -> str:
    """Return the signature; all but the secret is taken as it stands in the request, `digest` is its Content-Digest."""
    text = "\n".join((method, target, host, date, digest))
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def content_digest(body: bytes) -> str:
    """Return the value of the header Content-Digest (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def signed_headers(key: str, secret: str, method: str, target: str, host: str, digest: str) -> dict[str, str]:
    """Return the headers that a client adds to a request; a host other than that of a default port has its port."""
    date = formatdate(usegmt=True)
    signature = sign(secret, method, target, host, date, digest)
    return {"Authorization": f"Notes {key}:{signature}", "Date": date, "Content-Digest": digest}
