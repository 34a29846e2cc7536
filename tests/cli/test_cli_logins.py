"""Who is logged in, with which token, and for which project."""

import io
import json
import sys

import pytest


def test_login_comes_first_and_its_token_is_used(api, run):
    api.answer("GET", "/user/all", {"header": [], "body": []})
    run("user", "list")
    (method, path, _, body, _), (*_, token) = api.requests
    assert (method, path, body) == ("POST", "/token", {"id": "asdf", "passphrase": "YXNkZiBhc2Rm"})
    assert token == "the token"


def test_own_projects(api, run):
    projects = {"projects": [{"project_id": "proj", "role": "member", "is_project_admin": True}]}
    api.answer("GET", "/user/project", projects)
    assert "| proj       | member | true             |" in run("user", "project", "list").out
    assert json.loads(run("user", "project", "list", "-j").out) == projects
    assert run("user", "project", "list", "--user", "ada1").code == 0
    assert [query for _, query, _ in api.asked("/user/project")] == [{}, {}, {"user_id": "ada1"}]


def test_whoami(api, run):
    api.answer("POST", "/token", {"id": "asdf", "is_admin": False, "name": "As Df", "token": "secret"})
    api.answer("GET", "/user/project", {"projects": [{"project_id": "p", "role": "member", "is_project_admin": True}]})
    outcome = run("whoami")
    assert outcome.code == 0
    assert [line.split("|")[1].strip() for line in outcome.out.splitlines() if "|" in line if line[2] != " "] == [
        "ADDRESS",
        "ID",
        "NAME",
        "IS ADMIN",
        "PROJECTS",
    ]
    assert "secret" not in outcome.out
    assert json.loads(run("whoami", "-j").out) == {
        "address": api.address,
        "id": "asdf",
        "name": "As Df",
        "is_admin": False,
        "projects": [{"project_id": "p", "role": "member", "is_project_admin": True}],
    }
    api.answer("PUT", "/token", {"token": "of the project"})
    assert json.loads(run("whoami", "-j", "--project", "p").out)["project"] == "p"
    assert "| PROJECT  | p " in run("whoami", "--project", "p").out


def test_token_check(api, run):
    whom = {"id": "asdf", "name": "As Df", "is_admin": False, "project_id": "p", "role": "guest"}
    whom["is_project_admin"] = True
    api.answer("GET", "/auth", whom)
    assert json.loads(run("token", "show", "-j").out) == whom
    assert "| ROLE             | guest |" in run("token", "check", "post", "cluster").out
    asked = {"endpoint": "v1.0alpha/cluster", "http_type": "4"}
    assert [query for _, query, _ in api.asked("/auth")] == [{}, {}, asked, {}]
    api.answers["GET", "/auth"] = [(200, whom), (401, "Access denied by policy")]
    refused = run("token", "check", "PUT", "/cluster/set_mode")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "the policy does not allow PUT /cluster/set_mode\n"
    assert "unknown method PATCH" in run("token", "check", "PATCH", "/cluster").err
    assert run("token", "check", "GET").code != 0


def test_token(api, run):
    assert run("token", "renew").out == "the token\n"
    assert json.loads(run("token", "renew", "-j").out) == {"token": "the token"}
    api.answer("PUT", "/token", {"token": "another"})
    assert run("token", "renew", "--project", "proj", "--output", "csv").out == "another\n"
    assert api.asked("/token")[-1] == ("PUT", {}, {"project_id": "proj"})


NEW_SECRET, OLD_SECRET = "c2VjcmV0c2VjcmV0", "YXNkZiBhc2Rm"


@pytest.mark.parametrize("option", [["-p", "secretsecret"], ["--password=secretsecret"], ["--passphrase-file", "-"]])
def test_own_passphrase(option, api, run, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("secretsecret\nanother line\n"))
    api.answer("PUT", "/user/passphrase", {"id": "asdf", "token": "another"})
    outcome = run("user", "passphrase", *option)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == "successfully changed the passphrase of user 'asdf'\n"
    secrets = {"passphrase": NEW_SECRET, "current_passphrase": OLD_SECRET}
    assert api.asked("/user/passphrase") == [("PUT", {}, secrets)]


def test_passphrase_of_somebody_else(api, run, tmp_path):
    (tmp_path / "secret").write_text("secretsecret\r\n")
    api.answer("PUT", "/user/passphrase", {"id": "ada1", "token": ""})
    outcome = run("user", "passphrase", "--user", "ada1", "--passphrase-file", str(tmp_path / "secret"))
    assert outcome.out == "successfully changed the passphrase of user 'ada1'\n"
    assert api.asked("/user/passphrase") == [("PUT", {}, {"id": "ada1", "passphrase": NEW_SECRET})]
    (tmp_path / "secret").write_text("\nsecretsecret")
    outcome = run("user", "create", "ada1", "-n", "Ada", "--passphrase-file", str(tmp_path / "secret"))
    assert (outcome.code, outcome.err) == (
        1,
        f"read {tmp_path}/secret: there is no passphrase in the first line\n",
    )


def test_project_switch(api, run, monkeypatch):
    api.answer("PUT", "/token", {"token": "another"})
    outcome = run("project", "switch", "proj")
    assert (outcome.code, outcome.out, outcome.err) == (0, "export HANAMI_PROJECT=proj\n", "")
    assert json.loads(run("project", "switch", "proj", "-j").out) == {"project_id": "proj"}
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert "eval" in run("project", "switch", "proj").err
    api.answer("PUT", "/token", "not yours", status=401)
    outcome = run("project", "switch", "other; rm")
    assert (outcome.code, outcome.out, outcome.err) == (1, "", "status 401: err not yours\n")
    api.answers["PUT", "/token"] = [(200, {"token": "another"}), (401, "not yours")]
    monkeypatch.setenv("HANAMI_PROJECT", "left")
    assert run("project", "switch", "o'k").out == "export HANAMI_PROJECT='o'\"'\"'k'\n"
    assert api.asked("/token")[-1][2] == {"project_id": "o'k"}


@pytest.mark.parametrize("argv", ["host list", "whoami"])
def test_another_project(argv, api, run, monkeypatch):
    api.answer("GET", "/host/all", {"header": ["uuid"], "body": []})
    api.answer("GET", "/user/project", {"projects": []})
    api.answer("PUT", "/token", {"token": "of the project"})
    assert run(*argv.split(), "--project", "proj").code == 0
    monkeypatch.setenv("HANAMI_PROJECT", "other")
    assert run(*argv.split()).code == 0
    assert run("--project=proj", *argv.split()).code == 0
    switches = [(token, body["project_id"]) for method, path, _, body, token in api.requests if method == "PUT"]
    assert switches == [("the token", "proj"), ("the token", "other"), ("the token", "proj")]
    assert [token for method, *_, token in api.requests if method == "GET"] == ["of the project"] * 3
    api.answer("PUT", "/token", "not yours", status=401)
    assert run(*argv.split()).err == "login of 'asdf' in project 'other' failed: status 401: err not yours\n"
