"""The routes and the target of uploads of our own plugins pass the suite that is shipped for those of others."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import ClassVar

import msgspec
import pytest

from hanami_core.http import BoundRoute
from hanami_core.testing.requests import ClientRequest, Credential, header, open_socket
from hanami_core.testing.routes import Example, RouteConformance, routes_of
from hanami_core.testing.targets import TargetConformance
from hanami_plugins.api_v1_0alpha.testing import NativeApp
from hanami_plugins.direct_io import EXPECTED, TRAIN
from hanami_plugins.measurements import POWER, SPEED, TEMPERATURE, series
from hanami_plugins.measurements.sampler import series_path
from hanami_plugins.measurements.series import Series
from tests.plugins.data import message, until
from tests.plugins.live.kit import frame

CSV = b"a[0],a[1]\n1,0\n0,1\n"
TOKEN = "x-auth-token"
SECRET = "asdfasdf"
TEMPLATE = """version: 1
settings:
    growth: section
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    in: 1,1,1
outputs:
    out: 3,1,1
"""


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


class TestKeyPairs(NativeRoutes):
    plugin = "keypairs"

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        app.member("mia_", "digits")
        access_key = app.call("POST", "keypair").json["access_key"]
        return {
            "POST /keypair": {"user_id": "mia_", "project_id": "digits", "description": "nightly builds"},
            "GET /keypair": {"access_key": access_key},
            "GET /keypair/all": {"limit": 1},
            "PUT /keypair/active": {"access_key": access_key, "is_active": False},
            "DELETE /keypair": {"access_key": access_key},
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


def first_message(request: ClientRequest, target: str, resource: str) -> bytes:
    return msgspec.json.encode({"token": request.headers.get(TOKEN, ""), "target": target, "uuid": resource})


def uploaded(app: NativeApp) -> str:
    """Return a dataset that was sent as clients do it."""
    announced = app.call("POST", "dataset/upload/csv", name="numbers", input_data_size=len(CSV)).json
    request = ClientRequest().carrying(**{TOKEN: app.token})
    opened = open_socket(app, ClientRequest(), first_message(request, "file_upload", announced["uuid_input_file"]))
    assert opened.session is not None
    opened.session.receive(message(0, CSV))
    opened.session.close()
    files = {name: announced[name] for name in ("uuid", "uuid_input_file")}
    assert app.call("PUT", "dataset/upload/csv", **files).status_code == 200
    # The answer may come a moment before the worker has removed what it needs no longer.
    until(lambda: not app.worker.count)
    return str(announced["uuid"])


class TestDatasets(NativeRoutes):
    plugin = "datasets"
    without_example = ("PUT /dataset/upload/csv", "PUT /dataset/upload/mnist")

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        uuid = uploaded(app)
        sizes = {"input_data_size": 5, "label_data_size": 5}
        announced = app.call("POST", "dataset/upload/csv", name="numbers", input_data_size=5).json
        return {
            "GET /dataset": {"uuid": uuid},
            "GET /dataset/all": {"limit": 1},
            "GET /dataset/progress": {"uuid": announced["uuid"]},
            "GET /dataset/content": {"uuid": uuid, "column_name": "a", "row_offset": 1, "number_of_rows": 1},
            "GET /dataset/check": {"uuid": uuid, "reference_uuid": uuid},
            "GET /dataset/file": {"uuid": uuid, "format": "csv"},
            "PUT /dataset/labels": {"uuid": uuid, "name": "renamed", "tags": ["best"], "about": "digits"},
            "PUT /dataset/lease": {"uuid": uuid, "lease": None},
            "PUT /dataset/visibility": {"uuid": uuid, "visibility": "public"},
            "POST /dataset/upload/csv": {"name": "more", "input_data_size": 5},
            "POST /dataset/upload/mnist": {"name": "more", **sizes},
            "DELETE /dataset": {"uuid": uuid},
        }


def filled_folder(app: NativeApp) -> str:
    """Return a folder with a file."""
    uuid = app.call("POST", "folder", name="texts", cloneable=True).json["uuid"]
    upload = app.call("POST", "folder/upload", uuid=uuid, path="a.csv", size=len(CSV)).json["token"]
    target, headers = f"{app.prefix}/folder/upload", {TOKEN: app.token}
    app.http.simulate_put(target, params={"token": upload, "offset": 0}, body=CSV, headers=headers)
    return str(uuid)


class TestFolders(NativeRoutes):
    plugin = "folders"

    @pytest.fixture
    def routes(self, app: NativeApp) -> list[BoundRoute]:
        """All but the one whose body is a piece of a file, which the suite does not send."""
        return [bound for bound in routes_of(app.runtime, self.plugin) if not bound.route.raw_body]

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        mine, theirs = filled_folder(app), app.member("mia_", "digits")
        shared = app.call("POST", "folder", name="shared", ownership="group").json["uuid"]
        given = app.call("POST", "folder", theirs, name="given").json["uuid"]
        fields = {"uuid": given, "user_id": "asdf", "permission": "ro"}
        left = app.call("POST", "folder", theirs, name="left").json["uuid"]
        for folder in (given, left):
            uuid = app.call("POST", "folder/invitation", theirs, **fields | {"uuid": folder}).json["uuid"]
            if folder == left:
                assert app.call("PUT", "folder/invitation", uuid=uuid).status_code == 200
            else:
                invitation = uuid
        refused = app.call("POST", "folder/invitation", uuid=mine, user_id="mia_", permission="ro").json["uuid"]
        upload = app.call("POST", "folder/upload", uuid=mine, path="x", size=5).json["token"]
        copied = app.call("POST", "folder/clone", uuid=mine, name="another").json["task_uuid"]
        return {
            "POST /folder": {"name": "books"},
            "GET /folder": {"uuid": mine},
            "GET /folder/all": {"limit": 1},
            "PUT /folder/name": {"uuid": mine, "name": "renamed"},
            "PUT /folder/options": {"uuid": mine, "cloneable": True},
            "GET /folder/files": {"uuid": mine},
            "GET /folder/file": {"uuid": mine, "path": "a.csv"},
            "POST /folder/directory": {"uuid": mine, "path": "d/e"},
            "PUT /folder/file/name": {"uuid": mine, "path": "a.csv", "name": "b.csv"},
            "PUT /folder/file/path": {"uuid": mine, "path": "b.csv", "target_path": "d"},
            "POST /folder/upload": {"uuid": mine, "path": "y", "size": 5},
            "GET /folder/upload": {"token": upload},
            "DELETE /folder/invitation": {"uuid": refused},
            "POST /folder/invitation": {"uuid": mine, "user_id": "mia_", "permission": "rw"},
            "GET /folder/invitation": {"sent": "true"},
            "PUT /folder/invitation": {"uuid": invitation},
            "PUT /folder/permission": {"uuid": shared, "user_id": "asdf", "permission": "ro"},
            "GET /folder/permission": {"uuid": shared},
            "DELETE /folder/permission": {"uuid": shared, "user_id": "asdf"},
            "PUT /folder/leave": {"uuid": left},
            "POST /folder/clone": {"uuid": mine, "name": "copy"},
            "GET /folder/clone": {"task_uuid": copied},
            "DELETE /folder/file": {"uuid": mine, "path": "d", "recursive": "true"},
            "DELETE /folder": {"uuid": mine},
        }


class TestDatasetsFolders(NativeRoutes):
    plugin = "datasets_folders"

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        folder = filled_folder(app)
        asked = {"format": "csv", "folder_uuid": folder, "files": {"input": "a.csv"}}
        made = app.call("POST", "dataset/import", name="first", **asked).json["uuid"]
        written = app.call("POST", "dataset/export", uuid=made, folder_uuid=folder, path="b.csv").json["task_uuid"]
        return {
            "POST /dataset/import": {"name": "numbers", **asked},
            "POST /dataset/export": {"uuid": made, "folder_uuid": folder, "path": "c.npy", "format": "npy"},
            "GET /dataset/export": {"task_uuid": written},
        }


class TestClusters(NativeRoutes):
    plugin = "clusters"
    settings: ClassVar[Mapping[str, object]] = {**NativeApp.settings, "host_numba.hosts": 2}
    without_example = ("PUT /cluster/switch_host",)

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        uuid = app.call("POST", "cluster", name="mine").json["uuid"]
        return {
            "POST /cluster": {"name": "another"},
            "GET /cluster": {"uuid": uuid},
            "GET /cluster/all": {"limit": 1},
            "PUT /cluster/set_mode": {"uuid": uuid, "new_state": "TASK"},
            "PUT /cluster/labels": {"uuid": uuid, "name": "renamed", "tags": ["best"], "about": "digits"},
            "PUT /cluster/lease": {"uuid": uuid, "lease": None},
            "PUT /cluster/visibility": {"uuid": uuid, "visibility": "shared"},
            "DELETE /cluster": {"uuid": uuid},
        }


class TestLogs(NativeRoutes):
    plugin = "logs"

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        return {"GET /audit_log": {"page": 0}, "GET /error_log": {"page": 0, "user_id": "asdf"}}


class TestDescription(NativeRoutes):
    plugin = "openapi"

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        return {"GET /openapi.json": {}, "GET /docs": {}}


def feed(dataset: str, interface: str, column: str) -> dict[str, str]:
    return {"hexagon_name": interface, "dataset_uuid": dataset, "dataset_column": column}


def ready(app: NativeApp, task: str) -> None:
    assert app.runtime.queue.wait(task, 60.0) == "finished"


def trained(app: NativeApp) -> str:
    """Return a cluster that a training has given its network."""
    dataset = uploaded(app)
    cluster = app.call("POST", "cluster", name="mine").json["uuid"]
    fields = {"inputs": [feed(dataset, "in", "a")], "outputs": [feed(dataset, "out", "a")]}
    ready(app, app.call("POST", "task/train", name="once", cluster_uuid=cluster, **fields).json["uuid"])
    return str(cluster)


class TestTasks(NativeRoutes):
    plugin = "tasks"

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        dataset = uploaded(app)
        template = base64.b64encode(TEMPLATE.encode()).decode()
        cluster = app.call("POST", "cluster", name="mine", template=template).json["uuid"]
        inputs, outputs = [feed(dataset, "in", "a")], [feed(dataset, "out", "a")]
        train = {"name": "training", "cluster_uuid": cluster, "inputs": inputs, "outputs": outputs}
        queued = app.call("POST", "task/train", **train).json["uuid"]
        wanted = [{"hexagon_name": "out", "dataset_column": "answer"}]
        return {
            "POST /task/train": train,
            "POST /task/request": {"name": "asked", "cluster_uuid": cluster, "inputs": inputs, "results": wanted},
            "GET /task": {"uuid": queued, "cluster_uuid": cluster},
            "GET /task/all": {"cluster_uuid": cluster, "limit": 1},
            "GET /task/metrics": {"uuid": queued},
            "DELETE /task": {"uuid": queued, "cluster_uuid": cluster},
        }


class TestCheckpoints(NativeRoutes):
    plugin = "checkpoints"
    compute = "cpu0"
    without_example = ("PUT /checkpoint/upload",)

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        cluster = trained(app)
        saved = app.call("POST", "cluster/save", name="saved", cluster_uuid=cluster).json["uuid"]
        ready(app, saved)
        announced = app.call("POST", "checkpoint/upload", name="arrives", input_data_size=5).json
        return {
            "GET /checkpoint/file": {"uuid": saved},
            "GET /checkpoint/export": {"uuid": saved, "format": "numpy"},
            "GET /checkpoint/progress": {"uuid": announced["uuid"]},
            "POST /checkpoint/upload": {"name": "another", "input_data_size": 5},
            "POST /cluster/save": {"name": "once more", "cluster_uuid": cluster},
            "POST /cluster/load": {"cluster_uuid": cluster, "checkpoint_uuid": saved},
            "GET /checkpoint": {"uuid": saved},
            "GET /checkpoint/all": {"limit": 1},
            "PUT /checkpoint/labels": {"uuid": saved, "name": "renamed", "tags": ["best"], "about": "digits"},
            "PUT /checkpoint/visibility": {"uuid": saved, "visibility": "public"},
            "DELETE /checkpoint": {"uuid": saved},
        }


class TestHosts(NativeRoutes):
    plugin = "hosts"
    settings: ClassVar[Mapping[str, object]] = {**NativeApp.settings, "host_numba.hosts": 2}

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        return {"GET /host/all": {"limit": 1}}


class TestMeasurements(NativeRoutes):
    plugin = "measurements"

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        # Not every machine has all sensors.
        series.store(
            series_path(app.runtime.settings.data_dir), {name: Series() for name in (POWER, SPEED, TEMPERATURE)}
        )
        paths = ("power_consumption", "temperature_production", "speed", "system_info", "threading")
        return {f"GET /{path}": {} for path in paths}


class NativeTarget(TargetConformance):
    """What the native targets have in common."""

    settings = NativeApp.settings

    @pytest.fixture
    def credential(self, app: NativeApp) -> Credential:
        return header(TOKEN, app.token)

    @pytest.fixture
    def other_roles(self, app: NativeApp) -> Mapping[str, Credential]:
        return {"stranger": header(TOKEN, app.member("stranger_1", "stranger_project", role="stranger"))}

    def first_message(self, request: ClientRequest, target: str, resource: str) -> bytes:
        return first_message(request, target, resource)


class TestFileUpload(NativeTarget):
    target = "file_upload"

    @pytest.fixture
    def resource(self, app: NativeApp) -> str:
        announced = app.call("POST", "dataset/upload/csv", name="numbers", input_data_size=len(CSV)).json
        return str(announced["uuid_input_file"])

    @pytest.fixture
    def messages(self) -> list[bytes | str]:
        return [message(0, CSV), message(2, b"1")]


class TestLiveNetwork(NativeTarget):
    target = "cluster"
    compute = "cpu0"

    @pytest.fixture
    def resource(self, app: NativeApp) -> str:
        cluster = trained(app)
        assert app.call("PUT", "cluster/set_mode", uuid=cluster, new_state="DIRECT").status_code == 200
        return cluster

    @pytest.fixture
    def messages(self) -> list[bytes | str]:
        wanted = frame("out", [1.0, 0.0], processType=TRAIN, targetBufferType=EXPECTED, isLast=True)
        return [frame("in", [1.0, 0.0], isLast=True), frame("in", [1.0, 0.0], processType=TRAIN), wanted]
