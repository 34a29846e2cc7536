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


NOW = "2026-03-14 09:26:53"
INVITED = {
    "created_at": NOW,
    "folder_uuid": UUID,
    "invitee_id": "dorothy",
    "inviter_id": "ada1",
    "permission": "ro",
    "uuid": UUID,
}
SHARED = {"permission": "rw", "user_id": "dorothy", "uuid": UUID}
CLONED = {"uuid": UUID, "task_uuid": UUID, "state": "finished"}
COPY = {"name": "copy", "storage": "", "usage_mode": "general", "permission": "rw"}
ID = {"uuid": UUID}


@pytest.mark.parametrize(
    ("line", "question", "said"),
    [
        (
            f"mkdir {UUID} a/b",
            ("POST", "/folder/directory", ID | {"path": "a/b", "parents": True, "exist_ok": False}),
            f"successfully created 'a/b' in folder '{UUID}'",
        ),
        (
            f"move {UUID} a b",
            ("PUT", "/folder/file/path", ID | {"path": "a", "target_path": "b"}),
            "successfully moved 'a' to 'b'",
        ),
        (
            f"rename-file {UUID} a/x y",
            ("PUT", "/folder/file/name", ID | {"path": "a/x", "name": "y"}),
            "successfully renamed 'a/x' to 'y'",
        ),
        (f"decline {UUID}", ("DELETE", "/folder/invitation", ID), f"successfully declined invitation '{UUID}'"),
        (
            f"unshare {UUID} dorothy",
            ("DELETE", "/folder/permission", ID | {"user_id": "dorothy"}),
            f"folder '{UUID}' is not shared with user 'dorothy' any more",
        ),
        (f"leave {UUID}", ("PUT", "/folder/leave", ID), f"successfully left folder '{UUID}'"),
    ],
)
def test_what_is_done_is_said(line, question, said, api, run):
    method, path, fields = question
    api.answer(method, path, {})
    outcome = run("folder", *line.split())
    assert (outcome.code, outcome.err, outcome.out) == (0, "", f"{said}\n")
    assert api.asked(path) == [(method, fields, None) if method == "DELETE" else (method, {}, fields)]


@pytest.mark.parametrize(
    ("line", "question", "answer"),
    [
        (f"rename {UUID} books", ("PUT", "/folder/name", ID | {"name": "books"}), FOLDER),
        (
            f"change {UUID} --not-cloneable",
            ("PUT", "/folder/options", ID | {"permission": None, "cloneable": False}),
            FOLDER,
        ),
        (
            f"change {UUID} --permission wd --cloneable",
            ("PUT", "/folder/options", ID | {"permission": "wd", "cloneable": True}),
            FOLDER,
        ),
        (
            f"invite {UUID} dorothy",
            ("POST", "/folder/invitation", ID | {"user_id": "dorothy", "permission": "ro"}),
            INVITED,
        ),
        (f"accept {UUID}", ("PUT", "/folder/invitation", ID), FOLDER),
        (
            f"share {UUID} dorothy --permission rw",
            ("PUT", "/folder/permission", ID | {"user_id": "dorothy", "permission": "rw"}),
            SHARED,
        ),
    ],
)
def test_an_answer_is_shown(line, question, answer, api, run):
    method, path, fields = question
    api.answer(method, path, answer)
    outcome = run("folder", *line.split(), "-j")
    assert (outcome.code, outcome.err, json.loads(outcome.out)) == (0, "", answer)
    assert api.asked(path) == [(method, {}, fields)]
    assert run("folder", *line.split()).code == 0


def test_a_copy_is_waited_for(api, run):
    api.answer("POST", "/folder/clone", CLONED | {"state": "active"})
    api.answer("GET", "/folder/clone", CLONED)
    api.answer("GET", "/folder", FOLDER)
    outcome = run("folder", "clone", UUID, "copy", "-j")
    assert (outcome.code, json.loads(outcome.out)) == (0, FOLDER)
    assert api.asked("/folder/clone") == [("POST", {}, ID | COPY), ("GET", {"task_uuid": UUID}, None)]


def test_a_copy_that_fails_is_an_error(api, run):
    api.answer("POST", "/folder/clone", CLONED | {"state": "failed", "error": "the folder was deleted"})
    outcome = run("folder", "clone", UUID, "copy")
    assert (outcome.code, outcome.out, outcome.err) == (1, "", "status 400: err the folder was deleted\n")


@pytest.mark.parametrize(("argv", "query"), [([], {}), (["--sent"], {"sent": "true"})])
def test_invitations_are_listed(argv, query, api, run):
    header = ["created_at", "uuid", "folder_uuid", "folder_name", "inviter_id", "invitee_id", "permission"]
    rows = [[NOW, UUID, UUID, "texts", "ada1", "dorothy", "ro"]]
    api.answer("GET", "/folder/invitation", {"header": header, "body": rows})
    outcome = run("folder", "invitations", *argv, "--output", "csv")
    assert outcome.out.splitlines()[1] == f"{UUID},{UUID},texts,ada1,dorothy,ro,{NOW}"
    assert api.asked("/folder/invitation") == [("GET", query, None)]


def test_permissions_are_listed(api, run):
    api.answer("GET", "/folder/permission", {"header": ["user_id", "permission"], "body": [["dorothy", "rw"]]})
    assert run("folder", "permissions", UUID, "--output", "csv").out == "user_id,permission\ndorothy,rw\n"


DATASET = {"uuid": UUID, "name": "irises", "description": {}, "number_of_rows": 3, "number_of_columns": 2}


@pytest.mark.parametrize(
    ("argv", "form", "files"),
    [
        ("csv -i a/b.csv", "csv", {"input": "a/b.csv"}),
        ("mnist -i images -l labels", "mnist", {"input": "images", "label": "labels"}),
    ],
)
def test_a_dataset_is_made_of_files_in_a_folder(argv, form, files, api, run):
    api.answer("GET", "/folder/all", {"header": ["uuid", "name"], "body": [[UUID, "texts"]]})
    api.answer("POST", "/dataset/import", {"uuid": UUID, "state": "decoding"})
    api.answer("GET", "/dataset/progress", {"complete": True, "received": {}, "uuid": UUID})
    api.answer("GET", "/dataset", DATASET)
    outcome = run("dataset", "create", *argv.split(), "--folder", "texts", "irises", "-j")
    assert (outcome.code, outcome.err) == (0, "")
    asked = {"name": "irises", "format": form, "folder_uuid": UUID, "files": files}
    assert api.asked("/dataset/import") == [("POST", {}, asked)]


def test_a_table_is_written_to_a_folder(api, run):
    begun = {"uuid": UUID, "task_uuid": UUID, "state": "active"}
    api.answer("POST", "/dataset/export", begun)
    api.answer("GET", "/dataset/export", begun | {"state": "finished"})
    outcome = run("dataset", "download", UUID, "a/b.npy", "-f", "npy", "--folder", UUID)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"successfully downloaded dataset '{UUID}' to 'a/b.npy' in folder '{UUID}'\n"
    asked = {"uuid": UUID, "folder_uuid": UUID, "path": "a/b.npy", "format": "npy"}
    assert api.asked("/dataset/export") == [("POST", {}, asked), ("GET", {"task_uuid": UUID}, None)]
