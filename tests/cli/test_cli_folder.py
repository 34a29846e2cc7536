"""`hanamictl folder` against a server on a real socket: what it asks and what it prints."""

import json

import pytest

UUID = "84eaae8e-aeae-4db4-840e-ca38f4461ec7"
FOLDER = {
    "uuid": UUID,
    "name": "texts",
    "ownership": "user",
    "permission": "wd",
    "usage_mode": "general",
    "storage": "files",
    "used": 5,
    "files": 1,
    "quota": None,
    "cloneable": False,
    "owner_id": "ada1",
    "project_id": "proj",
    "created_at": "2026-03-14 09:26:53",
    "last_used": "-",
}
PLAIN = {
    "name": "texts",
    "ownership": "user",
    "storage": "",
    "usage_mode": "general",
    "permission": "rw",
    "quota": None,
    "cloneable": False,
}


@pytest.mark.parametrize(
    ("argv", "changed"),
    [
        ("", {}),
        ("--group --permission ro --usage data", {"ownership": "group", "permission": "ro", "usage_mode": "data"}),
        ("--limit 20GB --storage cold --cloneable", {"quota": 20 * 10**9, "storage": "cold", "cloneable": True}),
    ],
)
def test_a_folder_is_created(argv, changed, api, run):
    api.answer("POST", "/folder", FOLDER)
    outcome = run("folder", "create", "texts", *argv.split(), "-j")
    assert (outcome.code, outcome.err) == (0, "")
    assert api.asked("/folder") == [("POST", {}, PLAIN | changed)]
    assert json.loads(outcome.out) == FOLDER


def test_a_wrong_limit_is_refused(api, run):
    outcome = run("folder", "create", "texts", "--limit", "many")
    assert (outcome.code, api.asked("/folder")) == (2, [])
    assert 'invalid argument "many" for "--limit"' in outcome.err


def test_files_are_listed(api, run):
    api.answer(
        "GET", "/folder/files", {"header": ["name", "kind", "size", "modified_at"], "body": [["a", "file", 5, "-"]]}
    )
    outcome = run("folder", "files", UUID, "books", "--output", "csv")
    assert api.asked("/folder/files") == [("GET", {"uuid": UUID, "path": "books"}, None)]
    assert outcome.out == "name,kind,size,modified_at\na,file,5,-\n"


@pytest.mark.parametrize(("argv", "more"), [([], {}), (["--recursive"], {"recursive": "true"})])
def test_a_file_is_removed(argv, more, api, run):
    api.answer("DELETE", "/folder/file", {})
    outcome = run("folder", "remove", UUID, "books", *argv)
    assert api.asked("/folder/file") == [("DELETE", {"uuid": UUID, "path": "books", **more}, None)]
    assert outcome.out == f"successfully removed 'books' from folder '{UUID}'\n"
