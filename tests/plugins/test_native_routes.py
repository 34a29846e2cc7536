"""The routes of our own plugins pass the suite that is shipped for those of others."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest

from hanami_core.testing.requests import Credential, header
from hanami_core.testing.routes import Example, RouteConformance
from hanami_plugins.api_v1_0alpha.testing import NativeApp

TOKEN = "x-auth-token"
SECRET = "asdfasdf"


class NativeRoutes(RouteConformance):
    """What all native routes have in common."""

    settings = NativeApp.settings

    @pytest.fixture
    def credential(self, app: NativeApp) -> Credential:
        return header(TOKEN, app.token)

    @pytest.fixture
    def other_roles(self, app: NativeApp) -> Mapping[str, Credential]:
        roles = ("member", "stranger")
        return {role: header(TOKEN, app.member(f"{role}_1", f"{role}_project", role=role)) for role in roles}


class TestUsers(NativeRoutes):
    plugin = "users"

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        return {
            "POST /user": {"id": "mia_", "name": "Mia M", "password": SECRET, "is_admin": True},
            "GET /user": {"id": "asdf"},
            "GET /user/all": {"limit": 1},
            "DELETE /user": {"id": "mia_"},
        }


class TestProjects(NativeRoutes):
    plugin = "projects"

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        app.member("mia_", "digits")
        return {
            "POST /project": {"id": "letters", "name": "Letters"},
            "GET /project": {"id": "letters"},
            "GET /project/all": {},
            "GET /user/project": {"user_id": "mia_"},
            "DELETE /user/project": {"id": "mia_", "project_id": "digits"},
            "DELETE /project": {"id": "letters"},
        }


class TestTokenRoutes(NativeRoutes):
    plugin = "auth_jwt"

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        app.member("mia_", "digits")
        app.call("POST", "project", id="letters", name="Letters")
        secret = base64.b64encode(SECRET.encode()).decode()
        return {
            "POST /token": {"id": "mia_", "passphrase": secret},
            "PUT /token": {"project_id": "admin"},
            "GET /auth": {"endpoint": "v1.0alpha/cluster", "http_type": 4},
            "POST /user/project": {"id": "mia_", "project_id": "letters", "role": "member"},
            "PUT /user/passphrase": {"current_password": SECRET, "password": "asdfasdf2"},
        }
