"""The v0.4 generation beside the native API, in one application without sidecars."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest

from hanami_core.access import Actor
from hanami_core.errors import BadRequest
from hanami_core.testing.apis import ApiConformance
from hanami_core.testing.requests import ClientRequest, Credential, header
from hanami_core.testing.routes import Example
from hanami_plugins import auth_jwt
from hanami_plugins.api_control_v1.frames import CLUSTER_IO, BrickMessages
from hanami_plugins.api_v1_0alpha.testing import NativeApp
from hanami_plugins.direct_io import EXPECTED, INPUT, REQUEST, TRAIN
from hanami_plugins.direct_io.messages import CLUSTER_IO as native_io
from tests.plugins.test_control_bricks import TEMPLATE
from tests.plugins.test_native_routes import TOKEN, NativeRoutes, uploaded

PREFIX = "/control/v1"
ENCODED = base64.b64encode(TEMPLATE.encode()).decode()
MISSING = "00000000-0000-4000-8000-000000000000"


class Old:
    """A client of v0.4."""

    def __init__(self, app: NativeApp, prefix: str = PREFIX) -> None:
        self.app, self.prefix = app, prefix
        user, _, secret = app.admin
        self.token = ""
        self.token = self.ask("POST", "token", id=user, password=secret)["token"]

    def send(self, method: str, path: str, **fields: Any) -> Any:
        given: dict[str, Any] = {"headers": {TOKEN: self.token} if self.token else {}}
        given |= {"params": fields} if method in ("GET", "DELETE") else {"body": json.dumps(fields)}
        return self.app.http.simulate_request(method, f"{self.prefix}/{path}", **given)

    def ask(self, method: str, path: str, **fields: Any) -> Any:
        answer = self.send(method, path, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json


@pytest.fixture
def app(tmp_path: Path) -> Iterator[NativeApp]:
    with NativeApp(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def old(app: NativeApp) -> Old:
    return Old(app)


# -- suites for what clients reach ------------------------------------------------------------------------------------


class TestControlApi(ApiConformance):
    name = "control_v1"
    statuses: ClassVar = {403: 401, 405: 400, 412: 409, 413: 400, 415: 400, 422: 400, 429: 401, 507: 500}
    codes: ClassVar = {
        "quota_exhausted": 409,
        "quota_space_exhausted": 409,
        "storage_reserved": 503,
        "folder_quota_exhausted": 409,
        "folder_storage_full": 503,
    }
    document = "/openapi.json?api=control_v1"

    @pytest.fixture
    def credential(self, app: NativeApp) -> Credential:
        return header(TOKEN, Old(app).token)

    def first_message(self, request: ClientRequest, target: str, resource: str) -> bytes:
        return msgspec.json.encode({"token": request.headers.get(TOKEN, ""), "target": target, "uuid": resource})


class TestControlRoutes(NativeRoutes):
    plugin = "api_control_v1"
    without_example = (
        "PUT /mnist/dataset",
        "PUT /csv/dataset",
        "PUT /cluster/switch_host",
        "POST /cluster/save",
        "POST /cluster/load",
        "POST /task",
        "GET /task",
        "DELETE /task",
        "GET /checkpoint",
        "DELETE /checkpoint",
        "GET /request_result",
        "DELETE /request_result",
        "POST /dataset/check",
        "GET /power_consumption",
        "GET /temperature_production",
        "GET /speed",
    )

    @pytest.fixture
    def examples(self, app: NativeApp) -> Mapping[str, Example]:
        app.member("mia_", "digits")
        app.call("POST", "project", id="letters", name="Letters")
        dataset = uploaded(app)
        cluster = app.call("POST", "cluster", name="mine", template=ENCODED).json["uuid"]
        return {
            "POST /token": {"id": "mia_", "password": "asdfasdf"},
            "PUT /token": {"project_id": "admin"},
            "GET /auth": {"endpoint": "v1/cluster", "http_type": 4},
            "POST /user": {"id": "leo_", "name": "Leo L", "password": "asdfasdf", "is_admin": False},
            "GET /user": {"id": "asdf"},
            "GET /user/all": {},
            "DELETE /user": {"id": "leo_"},
            "POST /user/project": {"id": "mia_", "project_id": "letters", "role": "member"},
            "DELETE /user/project": {"id": "mia_", "project_id": "letters"},
            "GET /user/project": {"user_id": "mia_"},
            "POST /project": {"id": "words", "name": "Words"},
            "GET /project": {"id": "words"},
            "GET /project/all": {},
            "DELETE /project": {"id": "words"},
            "GET /host/all": {},
            "GET /system_info": {},
            "GET /threading": {},
            "GET /audit_log": {"page": 0},
            "GET /error_log": {"page": 0},
            "POST /mnist/dataset": {"name": "more", "input_data_size": 5, "label_data_size": 5},
            "POST /csv/dataset": {"name": "more", "input_data_size": 5},
            "GET /dataset": {"uuid": dataset},
            "GET /dataset/all": {},
            "GET /dataset/progress": {"uuid": dataset},
            "DELETE /dataset": {"uuid": dataset},
            "GET /task/all": {"cluster_uuid": cluster},
            "GET /checkpoint/all": {},
            "GET /request_result/all": {},
            "POST /cluster": {"name": "another", "template": ENCODED},
            "GET /cluster": {"uuid": cluster},
            "GET /cluster/all": {},
            "PUT /cluster/set_mode": {"uuid": cluster, "new_state": "TASK"},
            "DELETE /cluster": {"uuid": cluster},
        }


# -- one server, two generations --------------------------------------------------------------------------------------


def test_what_one_generation_makes_the_other_sees_in_its_own_shape(app: NativeApp, old: Old) -> None:
    cluster = old.ask("POST", "cluster", name="mine", template=ENCODED)
    assert cluster == {
        "name": "mine",
        "owner_id": "asdf",
        "project_id": "admin",
        "uuid": cluster["uuid"],
        "visibility": "private",
    }
    listed = app.call("GET", "cluster/all").json
    assert listed["header"] == ["created_at", "uuid", "project_id", "owner_id", "visibility", "name"]
    assert [row[1:] for row in listed["body"]] == [[cluster["uuid"], "admin", "asdf", "private", "mine"]]
    assert old.ask("GET", "cluster/all") == {
        "header": ["uuid", "project_id", "owner_id", "visibility", "name"],
        "body": [[cluster["uuid"], "admin", "asdf", "private", "mine"]],
    }
    assert app.call("POST", "user", id="mia_", name="Mia M", password="asdfasdf").status_code == 200
    assert old.ask("GET", "user", id="mia_") == {
        "creator_id": "asdf",
        "id": "mia_",
        "is_admin": False,
        "name": "Mia M",
        "projects": [],
    }


def test_a_dataset_has_the_fields_of_v04(app: NativeApp, old: Old) -> None:
    uuid = uploaded(app)
    assert old.ask("GET", "dataset", uuid=uuid) == {
        "inputs": 0,
        "lines": 2,
        "location": "",
        "name": "numbers",
        "outputs": 0,
        "owner_id": "asdf",
        "project_id": "admin",
        "type": "csv",
        "uuid": uuid,
        "visibility": "private",
    }
    assert old.ask("GET", "dataset/all")["body"] == [[uuid, "admin", "asdf", "private", "numbers", "csv"]]
    announced = old.ask("POST", "mnist/dataset", name="digits", input_data_size=5, label_data_size=6)
    assert set(announced) == {
        *("name", "owner_id", "project_id", "type", "uuid", "uuid_input_file", "uuid_label_file", "visibility")
    }
    arrived = {announced["uuid_input_file"]: 0, announced["uuid_label_file"]: 0}
    progress = old.ask("GET", "dataset/progress", uuid=announced["uuid"])
    assert progress == {"complete": False, "received": arrived, "uuid": announced["uuid"]}


def test_the_short_prefix_leads_to_the_same_calls(app: NativeApp) -> None:
    short = Old(app, "/v1")
    answer = short.send("GET", "cluster/all")
    assert answer.json["header"][0] == "uuid"
    assert answer.headers["server"] == "ToriiGateway"
    assert app.http.simulate_get("/v1.0alpha/cluster/all", headers={TOKEN: short.token}).headers["server"] == "Hanami"


def test_tokens_remember_their_generation_when_they_are_renewed(app: NativeApp, old: Old) -> None:
    renewed = old.ask("PUT", "token", project_id="admin")["token"]
    for token in (old.token, renewed):
        assert auth_jwt.actor_of(app.runtime, token).attributes == {"generation": "v0.4"}


def test_policies_and_the_audit_log_name_the_endpoints_of_v04(app: NativeApp, old: Old) -> None:
    old.ask("POST", "project", id="letters", name="Letters")
    log = old.ask("GET", "audit_log", page=0)
    assert log["header"] == ["timestamp", "user_id", "endpoint", "request_type"]
    assert log["body"][0][1:] == ["asdf", "v1/project", "POST"]
    assert app.runtime.routes.action("DELETE", "v1/request_result").name == "results.delete"


@pytest.mark.parametrize(
    ("method", "path", "fields", "status", "text"),
    [
        ("GET", "cluster", {"uuid": MISSING}, 404, f"Cluster with uuid '{MISSING}' not found"),
        ("GET", "request_result", {"uuid": MISSING}, 404, f"Request-result with uuid '{MISSING}' not found"),
        ("DELETE", "request_result", {"uuid": MISSING}, 404, f"Request-result with uuid '{MISSING}' not found"),
        ("DELETE", "checkpoint", {"uuid": MISSING}, 404, f"Chekckpoint with uuid '{MISSING}' not found"),
        (
            *("POST", "dataset/check", {"result_uuid": MISSING, "dataset_uuid": MISSING}),
            *(404, f"Result with uuid '{MISSING}' not found"),
        ),
        (
            *("POST", "task", {"name": "some", "type": "learn", "cluster_uuid": MISSING, "dataset_uuid": MISSING}),
            *(400, "Given item 'type' doesn't match with regex \"^(train|request)$\""),
        ),
        (
            *("POST", "token", {"id": "asdf", "password": "something else"}),
            *(401, "ACCESS DENIED!\nUser or password is incorrect."),
        ),
        ("POST", "cluster", {"name": "mine", "template": "?"}, 400, "Uploaded template is not a valid base64-String."),
    ],
)
def test_refusals(old: Old, method: str, path: str, fields: dict[str, Any], status: int, text: str) -> None:
    answer = old.send(method, path, **fields)
    assert (answer.status_code, answer.text) == (status, text)


def test_a_wrong_token_is_refused_without_a_reason(old: Old) -> None:
    old.token = old.token[:-1] + ("a" if old.token[-1] != "a" else "b")
    answer = old.send("GET", "cluster/all")
    assert (answer.status_code, answer.text) == (401, "Failed to validate JWT-Token")


def test_a_dataset_that_does_not_fit_the_bricks_is_refused(app: NativeApp, old: Old) -> None:
    cluster = old.ask("POST", "cluster", name="mine", template=ENCODED)["uuid"]
    fields = {"name": "some", "type": "train", "cluster_uuid": cluster, "dataset_uuid": uploaded(app)}
    answer = old.send("POST", "task", **fields)
    assert answer.status_code == 404
    assert "has no column with the name of the brick 'test_input'" in answer.text


# -- messages of direct IO --------------------------------------------------------------------------------------------

FORMAT = BrickMessages()
NAMES = ["test_input"], ["test_output"]


def frame(**fields: Any) -> bytes:
    count = len(fields.get("values", ()))
    return bytes(CLUSTER_IO.message(**{"numberOfValues": count, **fields}).SerializeToString())


def test_a_brick_says_where_its_values_go() -> None:
    for brick, target in (("test_input", INPUT), ("test_output", EXPECTED)):
        found = FORMAT.read(frame(brickName=brick, isLast=True, processType=TRAIN, values=[1.0, 2.5]), *NAMES)
        assert (found.buffer, found.is_last, found.process, found.target) == (
            brick,
            True,
            TRAIN,
            target,
        )
        assert list(found.values) == [1.0, 2.5]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("a text", "frame_is_text"),
        (b"\xff\xff", "frame_unreadable"),
        (frame(brickName="test_input", values=[1.0], numberOfValues=2), "frame_count"),
        (frame(brickName="test_input", values=[1.0], processType=7), "frame_process_unknown"),
        (frame(brickName="other", values=[1.0]), "buffer_unknown"),
    ],
)
def test_frames_that_are_wrong_are_refused(message: bytes | str, code: str) -> None:
    with pytest.raises(BadRequest) as caught:
        FORMAT.read(message, *NAMES)
    assert caught.value.code == code


def test_answers_have_the_fields_of_v04() -> None:
    answer = CLUSTER_IO.message.FromString(FORMAT.results("test_output", np.array([0.25, 0.5], np.float32)))
    assert (answer.brickName, answer.processType, answer.numberOfValues) == ("test_output", REQUEST, 2)
    assert list(answer.values) == [0.25, 0.5]
    for trained in (False, True):
        answer = CLUSTER_IO.message.FromString(FORMAT.acknowledgement(trained=trained))
        assert (answer.isLast, answer.processType, list(answer.values)) == (trained, TRAIN, [0.0])


def test_the_format_is_that_of_the_login_or_of_the_first_frame() -> None:
    def actor(**attributes: str) -> Actor:
        return Actor("asdf", "asdf", "admin", "admin", attributes=attributes)

    assert FORMAT.used_by(actor(generation="v0.4"))
    assert not FORMAT.used_by(actor())
    assert FORMAT.recognises(frame(brickName="test_input", values=[0.0]))
    native = native_io.message(bufferName="test_input", numberOfValues=2, values=[1.0, 2.0])
    assert not FORMAT.recognises(native.SerializeToString())
    assert not FORMAT.recognises(b"\xff\xff")
