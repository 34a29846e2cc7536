"""What ``/notes`` looks like. Answers in JSON and problems (RFC 9457) are what every Api has; the words are its own."""

from __future__ import annotations

from hanami_core.http import Api, ApiDescription
from hanami_notes.schemes import COOKIE, SessionScheme, SignatureScheme

SENTENCES = {
    "credential_missing": "Log in, or sign the request",
    "login_denied": "User or passphrase is wrong",
    "signature_invalid": "The signature is not that of this request",
    "signature_expired": "The request was signed too long ago, or the clock is wrong",
    "body_digest_wrong": "The body is not the one that was signed",
    "note_missing": "There is no note {uuid}",
    "file_missing": "Nothing is attached to the note {uuid}",
}


class NotesApi(Api):
    """The Api of notes."""

    sentences = SENTENCES

    @property
    def description(self) -> ApiDescription:
        """What ``/openapi.json?api=notes`` says besides the routes."""
        schemes = {
            SignatureScheme.name: {"type": "http", "scheme": "Notes"},
            SessionScheme.name: {"type": "apiKey", "in": "cookie", "name": COOKIE},
        }
        return ApiDescription("Notes", "Notes beside the networks.", security=schemes)
