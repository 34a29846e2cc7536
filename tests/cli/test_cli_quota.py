"""`hanamictl quota` against a server on a real socket: what it asks and what it prints."""

import json

import pytest

QUOTA = {"kind": "user", "id": "ada1", "resource": "disk", "used": 5, "limit": 9, "is_default": True}


@pytest.mark.parametrize(
    ("argv", "asked"),
    [
        ("quota show", ("GET", {}, None)),
        ("quota show user ada1", ("GET", {"user_id": "ada1"}, None)),
        ("quota show project proj", ("GET", {"project_id": "proj"}, None)),
        ("quota set user ada1 disk 20GB", ("PUT", {}, {"user_id": "ada1", "resource": "disk", "limit": 20 * 10**9})),
        ("quota set project proj tasks none", ("PUT", {}, {"project_id": "proj", "resource": "tasks", "limit": -1})),
        ("quota set user ada1 disk 1.5kB", ("PUT", {}, {"user_id": "ada1", "resource": "disk", "limit": 1500})),
    ],
)
def test_quotas(argv, asked, api, run):
    api.answer(asked[0], "/quota", {"quotas": [QUOTA]})
    outcome = run(*argv.split())
    assert (outcome.code, outcome.err) == (0, "")
    assert api.asked("/quota") == [asked]
    assert "| user | ada1 | disk     | 5    | 9     | true       |" in outcome.out
    assert json.loads(run(*argv.split(), "-j").out) == {"quotas": [QUOTA]}


@pytest.mark.parametrize(
    ("argv", "asked"),
    [
        ("quota reset user ada1", {"user_id": "ada1"}),
        ("quota reset user ada1 --resource disk", {"user_id": "ada1", "resource": "disk"}),
        ("quota reset project ada1", {"project_id": "ada1"}),
    ],
)
def test_quotas_are_reset(argv, asked, api, run):
    api.answer("DELETE", "/quota", {})
    assert run(*argv.split()).out == "the defaults count for 'ada1' again\n"
    assert api.asked("/quota") == [("DELETE", asked, None)]


@pytest.mark.parametrize("limit", ["much", "1.5", "20gb", "GB"])
def test_a_limit_that_is_none(limit, api, run):
    outcome = run("quota", "set", "user", "ada1", "disk", limit)
    assert (outcome.code, "not a number, a size such as 20GB, or none" in outcome.err) == (2, True)
    assert api.asked("/quota") == []
