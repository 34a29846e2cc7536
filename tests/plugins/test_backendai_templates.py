"""Session templates, as released clients of Backend.AI store and read them."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hanami_core.errors import BadRequest
from hanami_core.plugin_host import PluginState
from hanami_plugins import backendai_templates as templates
from hanami_plugins.api_v1_0alpha.testing import NativeApp
from hanami_plugins.backendai_templates import documents, passwords, payloads
from tests.plugins.backendai_kit import SignedClient, member_keys, new_keys

PATH = "/template/session"
PROJECT = "test_project"
KIND = "https://api.backend.ai/probs/"
MANUAL = """---
api_version: v1
kind: taskTemplate
metadata:
  name: template1234
  tag: example-tag
spec:
  kernel:
    environ:
      MYCONFIG: XXX
    git:
      branch: '19.09'
      commit: 10daee9e328876d75e6d0fa4998d4456711730db
      repository: https://github.com/lablup/backend.ai-agent
      destinationDir: /home/work/baiagent
    image: python:3.6-ubuntu18.04
  resources:
    cpu: '2'
    mem: 4g
  mounts:
    hostpath-test: /home/work/hostDesktop
    test-vfolder:
  sessionType: interactive
"""
SMALL: dict[str, Any] = {
    "api_version": "v1",
    "kind": "task_template",
    "metadata": {"name": "small"},
    "spec": {"kernel": {"image": "python"}},
}
SHORT = json.dumps(SMALL)
PASSWORD = "hunter2-of-git"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[NativeApp]:
    with NativeApp(tmp_path / "data", **{"backendai_templates.limit": 3}) as opened:
        yield opened


@pytest.fixture
def admin(app: NativeApp) -> SignedClient:
    return SignedClient(app, new_keys(app))


@pytest.fixture
def member(app: NativeApp) -> SignedClient:
    return SignedClient(app, member_keys(app, "katherine", PROJECT))


def create(client: SignedClient, payload: str = SHORT, **fields: Any) -> str:
    defaults = {"group_name": "default", "domain_name": "default", "owner_access_key": None}
    answer = client.call("POST", PATH, **{"payload": payload} | defaults | fields)
    assert answer.status_code == 200, answer.text
    assert UUID(answer.json["user"]).hex == answer.json["user"]
    return str(answer.json["id"])


def get(client: SignedClient, id: str, method: str = "GET", **query: str) -> Any:
    return client.call(method, f"{PATH}/{id}?{urlencode(query)}".rstrip("?"))


def ids(client: SignedClient, **fields: Any) -> list[str]:
    return [one["id"] for one in client.call("GET", PATH, **{"all": False} | fields).json]


def problem(answer: Any) -> tuple[int, str]:
    assert isinstance(answer.json["title"], str)
    return answer.status_code, answer.json["type"].removeprefix(KIND)


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the small template with another value, or without one if it is None."""
    document = copy.deepcopy(SMALL)
    *above, last = path.split(".")
    inner = document
    for name in above:
        inner = inner.setdefault(name, {})
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return document


def test_the_life_of_a_template(member: SignedClient) -> None:
    assert ids(member) == []
    id = create(member, MANUAL)
    assert UUID(id).hex == id
    text = get(member, id)
    assert text.headers["content-type"].startswith("application/yaml")
    assert yaml.safe_load(text.text) == yaml.safe_load(MANUAL) | {
        "spec": {key: value for key, value in yaml.safe_load(MANUAL)["spec"].items() if key != "sessionType"}
    }
    answer = member.call("PUT", f"{PATH}/{id}", payload=SHORT)
    assert (answer.status_code, answer.json) == (200, {"success": True})
    assert get(member, str(UUID(id)), format="json").json == SMALL
    deleted = get(member, id, "DELETE")
    assert (deleted.status_code, deleted.json) == (200, {"success": True})
    assert ids(member) == []
    assert problem(get(member, id)) == (404, "object-not-found")


def test_a_list(member: SignedClient) -> None:
    id = create(member)
    (listed,) = member.call("GET", PATH, all=False).json
    known = {"name": "small", "id": id, "is_owner": True, "user_email": "katherine", "group_name": PROJECT}
    known |= {"domain_name": "default", "type": "user", "template": SMALL}
    assert {name: listed[name] for name in known} == known
    assert {*listed} - {*known} == {"created_at", "user", "group"}


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_what_is_read_can_be_stored_again(member: SignedClient, form: str) -> None:
    document = changed("spec.kernel.environ", {"N": "1.10", "T": "true", "D": "2020-01-01", "U": "\U0001f33a\u0085"})
    id = create(member, json.dumps(document))
    again = create(member, get(member, id, format=form).text)
    assert get(member, again, format="json").json == get(member, id, format="json").json == document


def test_both_documents_are_accepted(member: SignedClient) -> None:
    wrapped = {"session_templates": [{"template": SMALL}]}
    for payload in (SHORT, json.dumps(wrapped), yaml.safe_dump(wrapped), yaml.safe_dump(SMALL)):
        id = create(member, payload)
        assert get(member, id, format="json").json == SMALL
        get(member, id, "DELETE")


def test_other_names_of_fields() -> None:
    for name in ("type", "session_type", "sessionType"):
        assert documents.read(changed(f"spec.{name}", "batch")).spec.session_type == "batch"
    for name in ("stratup", "startup", "startup_command", "startupCommand"):
        run = documents.read(changed("spec.kernel.run", {name: "make"})).spec.kernel.run
        assert run is not None
        assert run.startup_command == "make"
    for name in ("destination_dir", "destinationDir"):
        git = documents.read(changed("spec.kernel.git", {"repository": "r", name: "/d"})).spec.kernel.git
        assert git is not None
        assert git.destination_dir == "/d"
    older = changed("api_version", None) | {"apiVersion": "v1"}
    assert documents.read(older).api_version == "v1"
    # Names of variables are nobody's aliases.
    assert documents.read(changed("spec.kernel.environ", {"type": "x"})).spec.kernel.environ == {"type": "x"}
    assert documents.read(changed("spec.resources", {"cpu": 2})).spec.resources == {"cpu": "2"}
    assert documents.read(changed("spec.scaling_group", "default")).spec.scaling_group == "default"
    assert documents.read(changed("spec.kernel.architecture", "x86_64")).spec.kernel.architecture == "x86_64"


@pytest.mark.parametrize(
    ("payload", "field", "reason"),
    [
        (changed("api_version", None), "", "missing required field `api_version`"),
        (changed("kind", "other"), ".kind", "Invalid enum value 'other'"),
        (changed("kind", None), "", "missing required field `kind`"),
        (changed("metadata.name", None), ".metadata", "missing required field `name`"),
        (changed("metadata.name", ""), ".metadata.name", "matching regex"),
        (changed("metadata.other", "x"), ".metadata", "unknown field `other`"),
        (changed("spec.kernel.image", None), ".spec.kernel", "missing required field `image`"),
        (changed("spec.kernel.image", 1), ".spec.kernel.image", "Expected `str`, got `int`"),
        (changed("spec.sessionType", "other"), ".spec.sessionType", "Invalid enum value 'other'"),
        (changed("spec.kernel.git", {"branch": "b"}), ".spec.kernel.git", "missing required field `repository`"),
        (changed("spec.kernel.environ", {"A": True}), ".spec.kernel.environ[...]", "got `bool`"),
        (changed("spec.kernel.environ", ["A"]), ".spec.kernel.environ", "Expected `object | null`, got `array`"),
        (changed("spec", {"type": "batch", "sessionType": "batch"}), ".spec.sessionType", "given twice"),
        ({"session_templates": []}, ".session_templates", "a list with one template"),
        ({"session_templates": [{"template": {}}, {}]}, ".session_templates", "a list with one template"),
        ({"session_templates": [{}]}, ".session_templates[0]", "an object with 'template' alone"),
        ({"session_templates": [{"template": []}]}, ".session_templates[0].template", "Expected `object`"),
        ([], "", "Expected `object`, got `array`"),
        ("text", "", "Expected `object`, got `str`"),
    ],
)
def test_what_breaks_the_grammar_is_named(payload: Any, field: str, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        documents.read(payload)
    assert caught.value.parameters["field"] == f"payload{field}"
    assert reason in str(caught.value.parameters["reason"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [1, 2", "expected ',' or ']'"),
        ("a: 1\na: 2", "'a' is given twice in line 2"),
        ("1: a", "a key must be text, put it in quotes in line 1"),
        ("a: &x [1]\nb: *x", "aliases are not allowed in line 2"),
        ("a: !!python/object:os.system {}", "tags are not allowed in line 1"),
        ("a: !!timestamp x", "tags are not allowed in line 1"),
        ("a: 2020-13-01", "month must be in 1..12"),
        ("a: " + "9" * 5000, "4300 digits"),
        ("[" * 20_000, "it is nested more than 16 deep in line 1"),
        ('{"a":' * 10_000, "it is nested more than 16 deep in line 1"),
        ("[" * 17 + "]" * 17, "it is nested more than 16 deep"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a" * 65_537, "it is larger than 65536 bytes"),
        ("ö" * 40_000, "it is larger than 65536 bytes"),
        ("a: \x01", "special characters are not allowed"),
    ],
)
def test_texts_that_are_no_template(text: str, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        payloads.parse(text)
    assert caught.value.parameters["field"] == "payload"
    assert reason in str(caught.value.parameters["reason"])


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(list("ab:-[]{}&*!<=|>'\"#%@? \n\t0123456789.e_~\\u\0\ud800")), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadRequest):
        documents.read(payloads.parse(text))


def test_a_broken_template_changes_nothing(member: SignedClient) -> None:
    id = create(member)
    broken = json.dumps(changed("spec.kernel.image", None))
    for method, path in (("POST", PATH), ("PUT", f"{PATH}/{id}")):
        answer = member.call(method, path, payload=broken)
        assert problem(answer) == (400, "invalid-api-params")
        assert list(answer.json["data"]) == ["payload.spec.kernel"]
    assert ids(member) == [id]
    assert get(member, id, format="json").json == SMALL
    assert problem(get(member, id, format="xml")) == (400, "invalid-api-params")


def test_nobody_sees_those_of_others(app: NativeApp, admin: SignedClient, member: SignedClient) -> None:
    other_keys = member_keys(app, "dorothy", PROJECT)
    other, key = SignedClient(app, other_keys), other_keys.access_key
    id = create(other)
    assert ids(member) == ids(admin) == []
    assert problem(member.call("GET", PATH, all=True)) == (401, "auth-failed")
    assert ids(admin, all=True) == [id]
    for answer in (get(member, id), get(member, id, "DELETE"), member.call("PUT", f"{PATH}/{id}", payload=SHORT)):
        assert problem(answer) == (404, "object-not-found")
    assert problem(get(member, id, owner_access_key=key)) == (403, "generic-forbidden")
    denied = member.call("POST", PATH, payload=SHORT, owner_access_key=key)
    assert problem(denied) == (403, "generic-forbidden")
    assert get(admin, id, owner_access_key=key).status_code == 200
    more = create(admin, owner_access_key=key)
    assert ids(other) == [id, more]
    assert get(admin, more, "DELETE", owner_access_key=key).status_code == 200
    assert ids(other) == [id]


def test_a_template_is_for_a_group_of_its_user(app: NativeApp, member: SignedClient) -> None:
    app.call("POST", "project", id="other_project", name="other_project")
    unknown = member.call("POST", PATH, payload=SHORT, group_name="other_project", domain_name="default")
    assert problem(unknown) == (404, "object-not-found")
    assert problem(member.call("POST", PATH, payload=SHORT, domain_name="other")) == (404, "object-not-found")
    create(member, group_name=PROJECT)


def test_a_user_has_a_limited_number(member: SignedClient, admin: SignedClient) -> None:
    for _ in range(3):
        create(member)
    assert problem(member.call("POST", PATH, payload=SHORT)) == (400, "generic-bad-request")
    create(admin)


def test_they_end_with_user_and_project(app: NativeApp, admin: SignedClient, member: SignedClient) -> None:
    create(member)
    create(admin, group_name=PROJECT)
    kept = create(admin)
    assert app.call("DELETE", "user", id="katherine").status_code == 200
    assert app.call("DELETE", "project", id=PROJECT).status_code == 200
    assert [UUID(one.uuid).hex for one in templates.SessionTemplate.select()] == [kept]


def with_password(password: str = PASSWORD) -> dict[str, Any]:
    git = {"repository": "https://git.example/x", "credential": {"username": "k", "password": password}}
    return changed("spec.kernel.git", git)


def without_password() -> dict[str, Any]:
    document = with_password()
    del document["spec"]["kernel"]["git"]["credential"]["password"]
    return document


def stored(data: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(data.rglob("*")) if file.is_file())


def test_a_git_password_is_stored_encrypted(app: NativeApp, member: SignedClient, tmp_path: Path) -> None:
    document = with_password()
    id = create(member, json.dumps(document))
    assert get(member, id, format="json").json == document
    assert PASSWORD.encode() not in stored(tmp_path)
    other = with_password("another-" + PASSWORD)
    assert member.call("PUT", f"{PATH}/{id}", payload=json.dumps(other)).status_code == 200
    assert get(member, id, format="json").json == other
    assert PASSWORD.encode() not in stored(tmp_path)
    assert member.call("PUT", f"{PATH}/{id}", payload=SHORT).status_code == 200
    assert get(member, id, format="json").json == SMALL
    (row,) = templates.SessionTemplate.select()
    assert row.password == ""


def test_a_git_password_is_shown_to_its_owner_alone(app: NativeApp, admin: SignedClient) -> None:
    keys = member_keys(app, "dorothy", PROJECT)
    owner = SignedClient(app, keys)
    id = create(owner, json.dumps(with_password()))
    assert get(owner, id, format="json").json == with_password()
    assert get(admin, id, owner_access_key=keys.access_key, format="json").json == with_password()
    assert get(admin, id, format="json").json == without_password()
    for client, wide in ((owner, False), (admin, True)):
        assert [one["template"] for one in client.call("GET", PATH, all=wide).json] == [without_password()]


def test_passwords_of_another_key_are_told(app: NativeApp, member: SignedClient, tmp_path: Path) -> None:
    first, second = (create(member, json.dumps(with_password())) for _ in range(2))
    rows = {UUID(row.uuid).hex: row for row in templates.SessionTemplate.select()}
    templates.SessionTemplate.update(password=rows[first].password).where(
        templates.SessionTemplate.uuid == rows[second].uuid
    ).execute()
    assert get(member, first).status_code == 200
    assert get(member, second).status_code == 503
    assert len(member.call("GET", PATH, all=False).json) == 2
    (finding,) = passwords.unreadable(app.runtime)
    assert finding.where == f"session template {rows[second].uuid}"


def test_passwords_stored_plain_are_encrypted_at_the_next_start(tmp_path: Path) -> None:
    with NativeApp(tmp_path / "data") as app:
        member = SignedClient(app, member_keys(app, "katherine", PROJECT))
        create(member, json.dumps(with_password()))
        plain = json.dumps(with_password())
        templates.SessionTemplate.update(document=plain, password="").execute()
    with NativeApp(tmp_path / "data"):
        (row,) = templates.SessionTemplate.select()
        assert PASSWORD not in row.document
        assert row.password
        assert documents.outline(row.document) == without_password()


def test_a_lost_key_is_not_replaced(tmp_path: Path) -> None:
    with NativeApp(tmp_path / "data") as app:
        create(SignedClient(app, member_keys(app, "katherine", PROJECT)), json.dumps(with_password()))
    file = tmp_path / "data" / "backendai_templates.key"
    file.unlink()
    with NativeApp(tmp_path / "data") as app:
        assert app.runtime.plugins.plugins["backendai_templates"].state is PluginState.BROKEN
    assert not file.exists()
