"""Requests as released clients of Backend.AI send them, signed with a key pair, through the application."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hanami_plugins.api_backendai.signature import Signed, sign
from tests.whole import Whole

__all__ = ["Keys", "SignedClient", "member_keys", "new_keys"]

HOST, VERSION = "hanami.test", "v6.20220315"


@dataclass(frozen=True)
class Keys:
    """A pair of keys."""

    access_key: str
    secret_key: str


def new_keys(whole: Whole, token: str | None = None) -> Keys:
    """Return a new pair of a user, by default of the admin."""
    made = whole.call("POST", "keypair", token).json
    return Keys(made["access_key"], made["secret_key"])


def member_keys(whole: Whole, user_id: str, project_id: str = "test_project", **place: Any) -> Keys:
    """Create a user with a place in a project, and return a pair of theirs."""
    return new_keys(whole, whole.member(user_id, project_id, **place))


class SignedClient:
    """Somebody with a pair of keys."""

    def __init__(self, whole: Whole, keys: Keys) -> None:
        """Sign with these keys."""
        self._whole, self._keys = whole, keys

    def headers(self, method: str, target: str) -> dict[str, str]:
        """Return the headers of a request that is signed now."""
        date, kind = datetime.now(UTC).isoformat(), "application/json"
        signed = Signed(method, target, date, HOST, kind, VERSION)
        signature = sign(signed, self._keys.secret_key, "sha256")
        credential = f"BackendAI signMethod=HMAC-SHA256, credential={self._keys.access_key}:{signature}"
        return {
            "Host": HOST,
            "Date": date,
            "Content-Type": kind,
            "X-BackendAI-Version": VERSION,
            "Authorization": credential,
        }

    def call(self, method: str, path: str, /, headers: dict[str, str] | None = None, **fields: object) -> Any:
        """Send fields as JSON and return the result."""
        target = f"/backendai{path}"
        given = self.headers(method, target) if headers is None else headers
        return self._whole.http.simulate_request(method, target, body=json.dumps(fields), headers=given)

    def graphql(self, query: str, /, **variables: object) -> dict[str, Any]:
        """Return what GraphQL answers."""
        answer = self.call("POST", "/admin/gql", query=query, variables=variables)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json
        assert ("errors" in found) == (found["data"] is None), found
        return found

    def data(self, query: str, /, **variables: object) -> Any:
        """Return the data of an answer without errors."""
        found = self.graphql(query, **variables)
        assert "errors" not in found, found
        return found["data"]

    def error(self, query: str, /, **variables: object) -> str:
        """Return the message of the only error of an answer."""
        (error,) = self.graphql(query, **variables)["errors"]
        return str(error["message"])
