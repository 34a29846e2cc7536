"""The released client of Backend.AI keeps files in virtual folders: its commands, as the manual shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hanami_sdk import Client
from hanami_server.local import LocalServer
from tests.clients.backendai import BackendaiClient, ClientKeys
from tests.clients.test_backendai_admin import refused
from tests.clients.test_backendai_dotfiles import done

HEADER = ["Host", "Name", "Created", "At", "Creator", "Group", "Permission", "Ownership", "Type"]
UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"


@pytest.fixture(scope="module")
def keys(server: LocalServer, client: Client) -> dict[str, ClientKeys]:
    """Pairs of an admin of a group, and of two members."""
    client.create_project("reading", "Reading")
    found = {}
    for name, is_admin in (("virginia", True), ("leonard", False), ("vita", False)):
        client.create_user(name, name.title(), server.passphrase)
        client.add_to_project(name, "reading", "member", is_project_admin=is_admin)
        pair = client.create_keypair(user_id=name)
        found[name] = ClientKeys(pair.access_key, pair.secret_key)
    return found


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with the file of the manual."""
    (tmp_path / "bigdata.csv").write_bytes(b"0123456789" * 100_000)
    return tmp_path


def listed(client: BackendaiClient, *args: str, keys: ClientKeys | None = None) -> list[list[str]]:
    """Return the rows of a table that a command shows, without its header and its times."""
    lines = done(client, *args, keys=keys).strip().splitlines()
    assert lines[0].split() == HEADER
    return [[word for word in line.split() if not re.match(r"\d{4}-", word)] for line in lines[2:]]


def test_the_manual_on_folders(backendai_client: BackendaiClient, keys: dict[str, ClientKeys]) -> None:
    client, mine = backendai_client, keys["leonard"]
    assert done(client, "vfolder", "list", keys=mine).strip() == ""
    assert done(client, "vfolder", "list-hosts", keys=mine) == "Default vfolder host: files\nUsable hosts: files\n"
    assert done(client, "vfolder", "list-allowed-types", keys=mine) == "['user', 'group']\n"
    create = ("vfolder", "create", "mydata1", "files")
    assert done(client, *create, keys=mine) == 'Virtual folder "mydata1" is created.\n'
    assert "There is a folder 'mydata1' already" in refused(client, *create, keys=mine)
    assert listed(client, "vfolder", "list", keys=mine) == [["files", "mydata1", "leonard", "(null)", "rw", "user"]]
    info = done(client, "vfolder", "info", "mydata1", keys=mine)
    assert re.fullmatch(
        r'Virtual folder "mydata1" \(ID: [0-9a-f]{32}\)\n- Owner: True\n- Permission: wd\n- Number of files: 0\n'
        rf"- Ownership Type: user\n- Permission: wd\n- Usage Mode: general\n- Group ID: None\n- User ID: {UUID}\n"
        r"- Clone Allowed: False\n",
        info,
    ), info
    assert "✔ Renamed." in done(client, "vfolder", "rename", "mydata1", "mydata2", keys=mine)
    assert "No such virtual folder." in refused(client, "vfolder", "info", "mydata1", keys=mine)
    assert "✔ Deleted." in done(client, "vfolder", "delete", "mydata2", keys=mine)
    assert done(client, "vfolder", "list", keys=mine).strip() == ""


def test_the_manual_on_files(backendai_client: BackendaiClient, here: Path, keys: dict[str, ClientKeys]) -> None:
    client, mine = backendai_client, keys["leonard"]
    done(client, "vfolder", "create", "mydata1", "files", keys=mine)
    base = ("-b", str(here))
    sent = done(client, "vfolder", "upload", "mydata1", "bigdata.csv", *base, "--chunk-size", "300k", keys=mine)
    assert f"Uploading {here / 'bigdata.csv'} via {client.address}/storage/upload ..." in sent
    assert "✔ Done." in sent
    (here / "empty").touch()
    assert "✔ Done." in done(client, "vfolder", "upload", "mydata1", "empty", *base, keys=mine)
    found = done(client, "vfolder", "ls", "mydata1", ".", keys=mine).splitlines()
    assert found[0].split() == ["file", "name", "size", "modified", "mode"]
    assert [(*row.split()[:2], row.split()[-1]) for row in found[2:4]] == [
        ("bigdata.csv", "1000000", "-rw-------"),
        ("empty", "0", "-rw-------"),
    ]
    assert "✔ Done." in done(client, "vfolder", "mkdir", "mydata1", "a/b", keys=mine)
    assert "✔ Renamed." in done(client, "vfolder", "rename-file", "mydata1", "bigdata.csv", "big.csv", keys=mine)
    assert "✔ Moved." in done(client, "vfolder", "mv", "mydata1", "big.csv", "a/b", keys=mine)
    (here / "a" / "b").mkdir(parents=True)
    got = done(client, "vfolder", "download", "mydata1", "a/b/big.csv", *base, keys=mine)
    assert f"Downloading to {here / 'a/b/big.csv'} ..." in got
    assert "✔ Done." in got
    assert (here / "a/b/big.csv").read_bytes() == (here / "bigdata.csv").read_bytes()
    assert "already exists" in refused(client, "vfolder", "download", "mydata1", "a/b/big.csv", *base, keys=mine)
    for files, code, told in (
        (["./empty"], 0, "✔ Done."),
        (["a"], 1, "'a' is a directory"),
        (["-r", "a"], 0, "✔ Done."),
    ):
        ended = client.run("vfolder", "rm", "mydata1", *files, keys=mine, stdin="y\n")
        assert (ended.returncode, told in ended.stderr) == (code, True), ended.stderr
    assert len(done(client, "vfolder", "ls", "mydata1", keys=mine).strip().splitlines()) == 4
    done(client, "vfolder", "delete", "mydata1", keys=mine)


def test_folders_are_shared(backendai_client: BackendaiClient, keys: dict[str, ClientKeys]) -> None:
    client, mine, theirs = backendai_client, keys["leonard"], keys["vita"]
    done(client, "vfolder", "create", "letters", "files", keys=mine)
    invite = ("vfolder", "invite", "letters", "-p", "ro")
    assert done(client, *invite, "nobody", keys=mine) == "No users found. Invitation was not sent.\n"
    for answers, told in (("1\nr\n", "vfolder invitation rejected: letters"), ("1\na\n", "You can now access vfolder")):
        assert done(client, *invite, "vita", keys=mine) == "Invitation sent to:\n\t- vita\n"
        chosen = client.run("vfolder", "invitations", keys=theirs, stdin=answers)
        assert (chosen.returncode, chosen.stderr) == (0, "")
        assert re.search(r"\[1\] leonard, [0-9a-f]{32}, read-only\n", chosen.stdout)
        assert told in chosen.stdout
    assert done(client, "vfolder", "invitations", keys=theirs) == "No invitations.\n"
    assert listed(client, "vfolder", "list", keys=theirs) == [["files", "letters", "leonard", "(null)", "rw", "user"]]
    assert "- Owner: False\n- Permission: ro\n" in done(client, "vfolder", "info", "letters", keys=theirs)
    denied = refused(client, "vfolder", "mkdir", "letters", "d", keys=theirs)
    assert "You have the permission 'ro' in this folder, this needs 'rw'" in denied
    left = done(client, "vfolder", "leave", "letters", keys=theirs)
    assert left == 'Left the shared virtual folder "letters".\n'
    assert "You cannot leave a virtual folder you own" in done(client, "vfolder", "leave", "letters", keys=mine)
    assert "No such virtual folder." in refused(client, "vfolder", "info", "letters", keys=theirs)
    done(client, "vfolder", "delete", "letters", keys=mine)


def test_groups_have_folders(backendai_client: BackendaiClient, keys: dict[str, ClientKeys]) -> None:
    client, boss, member = backendai_client, keys["virginia"], keys["leonard"]
    create = ("vfolder", "create", "common", "files", "-g", "reading", "-p", "ro", "-m", "data", "-q", "1g")
    assert "Only admins of the project 'reading'" in refused(client, *create, keys=member)
    assert done(client, *create, keys=boss) == 'Virtual folder "common" is created.\n'
    [row] = listed(client, "vfolder", "list", keys=member)
    assert (row[:3], row[4:]) == (["files", "common", "virginia"], ["ro", "group"])
    assert listed(client, "vfolder", "list", "-g", row[3], keys=member) == [row]
    share = ("vfolder", "share", "common", "-p", "wd")
    assert done(client, *share, "leonard", keys=boss) == "Shared with wd permission to:\n\t- leonard\n"
    assert done(client, *share, "nobody", keys=boss) == "No users found. Folder is not shared.\n"
    assert "- Permission: wd\n" in done(client, "vfolder", "info", "common", keys=member)
    assert "You cannot leave a group virtual folder." in done(client, "vfolder", "leave", "common", keys=member)
    unshare = ("vfolder", "unshare", "common", "leonard")
    assert done(client, *unshare, keys=boss) == "Unshared from:\n\t- leonard\n"
    assert done(client, *unshare, keys=boss) == "No users found. Folder is not unshared.\n"
    options = ("vfolder", "update-options", "common", "-p", "rw", "--set-cloneable", "true")
    assert "that you do not own" in done(client, *options, keys=member)
    assert "✔ Updated." in done(client, *options, keys=boss)
    clone = ("vfolder", "clone", "common", "mine", "files")
    assert "✔ Cloning the vfolder is complete." in done(client, *clone, keys=member)
    assert "Clone is not allowed" in done(client, "vfolder", "clone", "mine", "more", "files", keys=member)
    done(client, "vfolder", "delete", "mine", keys=member)
    done(client, "vfolder", "delete", "common", keys=boss)


def test_a_clone_that_takes_long_is_followed(backendai_client: BackendaiClient, tmp_path: Path) -> None:
    with LocalServer(tmp_path / "data", "--set", "folders.wait=0") as impatient:
        with Client(impatient.address, impatient.user, impatient.passphrase) as native:
            pair = native.create_keypair()
            native.create_folder("first", cloneable=True)
        own = ClientKeys(pair.access_key, pair.secret_key)
        clone = ("vfolder", "clone", "first", "second", "files")
        ended = backendai_client.run(*clone, keys=own, BACKEND_ENDPOINT=f"{impatient.address}/backendai")
        assert ended.returncode == 0, ended.stderr
        assert "Cloning the vfolder..." in ended.stderr
        assert "✔ Cloning the vfolder is complete." in ended.stderr


def test_admins_see_all_folders_and_their_storages(
    backendai_client: BackendaiClient, keys: dict[str, ClientKeys]
) -> None:
    client, nothing = backendai_client, "This server mounts nothing"
    done(client, "vfolder", "create", "seen", "files", keys=keys["vita"])
    search = ("admin", "vfolder", "list", "--filter", 'name == "seen"', "--order", "-created_at")
    assert listed(client, *search) == [["files", "seen", "vita", "(null)", "rw", "user"]]
    assert done(client, "admin", "vfolder", "list-hosts") == "Default vfolder host: files\nMounted hosts: files\n"
    metric = dict(re.findall(r"(\w+) +(\S+)", done(client, "admin", "vfolder", "perf-metric", "files")))
    assert metric.keys() >= {"folders", "files", "used_bytes", "available_bytes"}
    assert "mounts : ['files']" in done(client, "admin", "vfolder", "list-mounts")
    for command in (("mount-host", "nas:/", "nas"), ("umount-host", "nas")):
        told = done(client, "admin", "vfolder", *command)
        assert "success : False" in told
        assert nothing in told
    assert nothing in done(client, "admin", "vfolder", "get-fstab-contents")
    assert re.search(r"(?m)^files +files +", done(client, "admin", "storage", "list"))
    assert "- folders: " in done(client, "admin", "storage", "info", "files")
    assert "Unauthorized access." in refused(client, "admin", "vfolder", "list-mounts", keys=keys["vita"])
    done(client, "vfolder", "delete", "seen", keys=keys["vita"])


def test_what_cannot_be_is_refused_before_anything_is_sent(
    backendai_client: BackendaiClient, here: Path, keys: dict[str, ClientKeys]
) -> None:
    client, mine, base = backendai_client, keys["leonard"], ("-b", str(here))
    done(client, "vfolder", "create", "small", "files", "-q", "900k", keys=mine)
    told = refused(client, "vfolder", "upload", "small", "bigdata.csv", *base, keys=mine)
    assert "412 Precondition Failed" in told
    assert "The folder has 0 bytes of 921.6 kB, another 1.0 MB do not fit" in told
    for command in (
        ("create", "x" * 300, "files"),
        ("mkdir", "small", "../x"),
        ("mkdir", "small", "x" * 300),
        ("ls", "small", "../.."),
        ("mv", "small", "a", ".."),
    ):
        ended = client.run("vfolder", *command, keys=mine)
        assert "Missing or invalid API parameters." in ended.stdout + ended.stderr, command
    missing = refused(client, "vfolder", "download", "small", "x", *base, keys=mine)
    assert "No such file or directory." in missing
    assert not (here / "x").exists()
    assert "- Number of files: 0" in done(client, "vfolder", "info", "small", keys=mine)
    done(client, "vfolder", "delete", "small", keys=mine)


# -- functions of the library ------------------------------------------------------------------------------------------

FUNCTIONS = """
import json, pathlib
from ai.backend.client.exceptions import BackendAPIError
from ai.backend.client.session import Session

def refused(status, call, *args):
    try:
        call(*args)
    except BackendAPIError as error:
        assert error.status == status, error
    else:
        raise AssertionError("it was not refused")

base = pathlib.Path({base!r})
with Session() as session:
    VFolder = session.VFolder
    made = VFolder.create("library", "files", usage_mode="model", permission="rw", quota="2g", cloneable=True)
    assert (made["max_size"], made["ownership_type"], made["cloneable"]) == (2048, "user", True)
    [one] = VFolder.list()
    assert (one["id"], one["is_owner"], one["type"]) == (made["id"], True, "user")
    assert VFolder.list(True) == [one]
    page = VFolder.paginated_list()
    assert (page.total_count, page.items[0]["name"]) == (1, "library")
    assert VFolder.list_hosts()["volume_info"]["files"]["backend"] == "files"
    assert VFolder.list_allowed_types() == ["user", "group"]
    library = VFolder("library")
    assert library.info()["usage_mode"] == "model"
    library.upload(["bigdata.csv"], basedir=base, chunk_size=1 << 18)
    assert library.mkdir("shelf") == ""
    assert library.move_file("bigdata.csv", "shelf") == {{}}
    assert library.rename_file("shelf/bigdata.csv", "all.csv") == {{}}
    [file] = json.loads(library.list_files("shelf")["files"])
    assert (file["filename"], file["size"]) == ("all.csv", 1_000_000)
    (base / "shelf").mkdir()
    library.download(["shelf/all.csv"], basedir=base)
    assert (base / "shelf/all.csv").read_bytes() == (base / "bigdata.csv").read_bytes()
    assert library.update_options("library", permission="ro", cloneable=False) == ""
    assert library.clone("copy", "files")["bgtask_id"] is None
    assert library.delete_files(["shelf"], recursive=True) == "{{}}"
    assert library.invite("rw", ["vita"]) == {{"invited_ids": ["vita"]}}
    assert VFolder.invitations() == {{"invitations": []}}
    refused(404, VFolder.accept_invitation, made["id"])
    refused(404, VFolder.delete_invitation, made["id"])
    refused(400, library.share, "rw", ["vita"])
    assert library.unshare(["vita"]) == {{"unshared_emails": []}}
    refused(400, library.leave)
    refused(401, VFolder.list_all_hosts)
    refused(401, VFolder.get_fstab_contents)
    refused(401, VFolder.get_performance_metric, "files")
    refused(401, VFolder.list_mounts)
    refused(401, VFolder.mount_host, "nas", "nas:/")
    refused(401, VFolder.umount_host, "nas")
    refused(401, VFolder.delete_by_id, made["id"])
    assert library.rename("books") == ""
    assert library.delete() == {{}}
    assert VFolder("copy").delete() == {{}}
    refused(404, VFolder("copy").info)
print("done")
"""
BY_COOKIE = """
import pathlib
from ai.backend.client.session import Session
with Session() as session:
    assert session.Auth.login("leonard", {passphrase!r})["authenticated"]
    session.VFolder.create("cookies", "files")
    session.VFolder("cookies").upload(["bigdata.csv"], basedir=pathlib.Path({base!r}))
    assert session.VFolder("cookies").info()["numFiles"] == 1
    session.VFolder("cookies").delete()
print("done")
"""
INTERRUPTED = """
import pathlib
from aiotusclient.uploader import AsyncUploader
from ai.backend.client.session import Session

def before_the_second_piece(event):
    plain, sent = AsyncUploader.upload_chunk, []
    async def chunk(self):
        if sent:
            event()
        sent.append(None)
        await plain(self)
    AsyncUploader.upload_chunk = chunk

def delete():
    with Session() as other:
        other.VFolder("gone").delete()

with Session() as session:
    session.VFolder.create("gone", "files")
    before_the_second_piece(delete)
    session.VFolder("gone").upload(["bigdata.csv"], basedir=pathlib.Path({base!r}), chunk_size=1 << 19)
"""


def test_functions_of_the_manual(backendai_client: BackendaiClient, here: Path, keys: dict[str, ClientKeys]) -> None:
    ended = backendai_client.python(FUNCTIONS.format(base=str(here)), keys["leonard"])
    assert ended.stdout.splitlines()[-1:] == ["done"], ended.stdout + ended.stderr


@pytest.mark.usefixtures("keys")
def test_a_login_by_cookie_is_enough(backendai_client: BackendaiClient, here: Path, server: LocalServer) -> None:
    code = BY_COOKIE.format(base=str(here), passphrase=server.passphrase)
    address = backendai_client.address.replace("127.0.0.1", "localhost")
    ended = backendai_client.python(code, BACKEND_ENDPOINT_TYPE="session", BACKEND_ENDPOINT=address)
    assert ended.stdout.splitlines()[-1:] == ["done"], ended.stdout + ended.stderr


def test_an_upload_that_fails_in_the_middle_ends_at_once(
    backendai_client: BackendaiClient, here: Path, keys: dict[str, ClientKeys]
) -> None:
    ended = backendai_client.python(INTERRUPTED.format(base=str(here)), keys["leonard"])
    assert ended.returncode == 1
    assert re.search(r"ValueError: invalid literal.*Folder with UUID .* not found", ended.stderr), ended.stderr
