"""`hanamictl folder`.

Owns the commands for folders and the files in them. Must not know the wire, which is the SDK's.
"""

from __future__ import annotations

import os
from functools import partial

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.errors import UsageError
from hanami_cli.files import check_readable
from hanami_cli.names import uuid_of
from hanami_cli.nouns import run_noun
from hanami_cli.progress import progress
from hanami_cli.sizes import size_of
from hanami_cli.views import Listing, Message, Record, View
from hanami_sdk import folder, folder_sharing

__all__ = ["HELP", "run"]

HELP = f"""
Folders keep files of any kind, for yourself or for a project.

Usage:
    hanamictl folder create NAME [--group] [--storage STORAGE] [--usage USAGE] [--permission PERMISSION] [--limit SIZE]
        [--cloneable] [options]
    hanamictl folder get FOLDER [options]
    hanamictl folder list [options]
    hanamictl folder delete FOLDER [options]
    hanamictl folder files FOLDER [PATH] [options]
    hanamictl folder upload FOLDER FILE [PATH] [options]
    hanamictl folder download FOLDER PATH FILE [options]
    hanamictl folder remove FOLDER PATH [--recursive] [options]
    hanamictl folder mkdir FOLDER PATH [options]
    hanamictl folder move FOLDER PATH TARGET [options]
    hanamictl folder rename-file FOLDER PATH NAME [options]
    hanamictl folder rename FOLDER NAME [options]
    hanamictl folder change FOLDER [--permission PERMISSION] [--cloneable | --not-cloneable] [options]
    hanamictl folder clone FOLDER NAME [--storage STORAGE] [--usage USAGE] [--permission PERMISSION] [options]
    hanamictl folder invite FOLDER USER [--permission PERMISSION] [options]
    hanamictl folder invitations [--sent] [options]
    hanamictl folder accept INVITATION [options]
    hanamictl folder decline INVITATION [options]
    hanamictl folder share FOLDER USER [--permission PERMISSION] [options]
    hanamictl folder unshare FOLDER USER [options]
    hanamictl folder permissions FOLDER [options]
    hanamictl folder leave FOLDER [options]

FOLDER is a UUID or a unique name. PATH is a path in the folder, FILE a local file. NAME has up to 64 letters, digits
and _ . -, and may begin with a dot. An upload creates the directories on its way and replaces a file of that path.
TARGET is a new path, or a directory that something is moved into. USER is the id of a user, INVITATION a UUID.
You `invite` users to a folder of your own, which they `accept` or `decline`; `decline` also cancels what you have sent.
In a folder of the project, its admins `share` what a member may do there by name.

Options:
    --group                    create it for the project, which only its admins may do
    --storage STORAGE          storage of the server that it lies in; by default, the server chooses
    --usage USAGE              what it is for: general, model or data [default: general]
    --permission PERMISSION    what others may do with its files: ro to read, rw to write, wd to delete; a new folder of
                               the project has rw, users are invited with ro
    --limit SIZE               most bytes in it, such as 20GB
    --cloneable                allow others who see it to copy it
    --not-cloneable            do not allow others to copy it
    --sent                     list those that you have sent
    --recursive                remove a directory with everything in it
{COMMON_OPTIONS}
Examples:
    hanamictl folder create texts
    hanamictl folder upload texts ./alice.txt books/alice.txt
    hanamictl folder files texts books
    hanamictl folder download texts books/alice.txt ./alice.txt
    hanamictl folder invite texts dorothy --permission rw
"""

FIELDS = (
    *("uuid", "name", "ownership", "permission", "usage_mode", "storage", "used", "files", "quota", "cloneable"),
    *("owner_id", "project_id", "created_at", "last_used"),
)
COLUMNS = (
    "uuid",
    "name",
    "ownership",
    "usage_mode",
    "storage",
    "used",
    "files",
    "owner_id",
    "project_id",
    "created_at",
)
FILE_COLUMNS = ("name", "kind", "size", "modified_at")
INVITATION_FIELDS = ("uuid", "folder_uuid", "inviter_id", "invitee_id", "permission", "created_at")
INVITATION_COLUMNS = ("uuid", "folder_uuid", "folder_name", *INVITATION_FIELDS[2:])
PERMISSION_FIELDS = ("user_id", "permission")
READ, WRITE = "ro", "rw"


def run(argv: list[str]) -> int:
    """Run one command line for the noun `folder`."""
    actions = {
        "create": _create,
        "get": _get,
        "list": _list,
        "delete": _delete,
        "files": _files,
        "upload": _upload,
        "download": _download,
        "remove": _remove,
        "mkdir": _mkdir,
        "move": _move,
        "rename-file": _rename_file,
        "rename": _rename,
        "change": _change,
        "clone": _clone,
        "invite": _invite,
        "invitations": _invitations,
        "accept": _accept,
        "decline": _decline,
        "share": _share,
        "unshare": _unshare,
        "permissions": _permissions,
        "leave": _leave,
    }
    return run_noun(HELP, actions, argv)


def _create(connection: Connection, arguments: Arguments) -> View:
    make = partial(
        folder.create_folder,
        ownership="group" if arguments.is_set("--group") else "user",
        storage=arguments.optional("--storage") or "",
        usage_mode=arguments.text("--usage"),
        permission=arguments.optional("--permission") or WRITE,
        quota=_limit(arguments),
        cloneable=arguments.is_set("--cloneable"),
    )
    return Record(connection.ask(make, arguments.text("NAME")), FIELDS)


def _limit(arguments: Arguments) -> int | None:
    text = arguments.optional("--limit")
    amount = None if text is None else size_of(text)
    if text is not None and amount is None:
        raise UsageError(f'invalid argument "{text}" for "--limit": not a number of bytes, nor a size such as 20GB')
    return amount


def _get(connection: Connection, arguments: Arguments) -> View:
    return Record(connection.ask(folder.get_folder, _uuid(connection, arguments)), FIELDS)


def _uuid(connection: Connection, arguments: Arguments) -> str:
    return uuid_of(connection, "folder", arguments.text("FOLDER"))


def _list(connection: Connection, arguments: Arguments) -> View:
    return Listing.from_answer(connection.ask(folder.list_folders), COLUMNS)


def _delete(connection: Connection, arguments: Arguments) -> View:
    connection.call(folder.delete_folder, _uuid(connection, arguments))
    return Message(f"successfully deleted folder '{arguments.text('FOLDER')}'")


def _files(connection: Connection, arguments: Arguments) -> View:
    path = arguments.optional("PATH") or ""
    return Listing.from_answer(connection.ask(folder.list_files, _uuid(connection, arguments), path), FILE_COLUMNS)


def _upload(connection: Connection, arguments: Arguments) -> View:
    source = check_readable(arguments.text("FILE"))
    path, uuid = arguments.optional("PATH") or os.path.basename(source), _uuid(connection, arguments)
    with connection.client() as client, progress(lines=False) as report:
        client.upload_file(uuid, source, path, partial(report, "uploading"))
    return Message(f"successfully uploaded '{path}' to folder '{arguments.text('FOLDER')}'")


def _download(connection: Connection, arguments: Arguments) -> View:
    path, target, uuid = arguments.text("PATH"), arguments.text("FILE"), _uuid(connection, arguments)
    with connection.client() as client, progress(lines=False) as report:
        client.download_file(uuid, path, target, partial(report, "downloading"))
    return Message(f"successfully downloaded '{path}' to {target}")


def _remove(connection: Connection, arguments: Arguments) -> View:
    path, uuid = arguments.text("PATH"), _uuid(connection, arguments)
    remove = partial(folder.delete_file, recursive=arguments.is_set("--recursive"))
    connection.call(remove, uuid, path)
    return Message(f"successfully removed '{path}' from folder '{arguments.text('FOLDER')}'")


def _mkdir(connection: Connection, arguments: Arguments) -> View:
    path, uuid = arguments.text("PATH"), _uuid(connection, arguments)
    connection.call(folder.make_directory, uuid, path)
    return Message(f"successfully created '{path}' in folder '{arguments.text('FOLDER')}'")


def _move(connection: Connection, arguments: Arguments) -> View:
    path, target, uuid = arguments.text("PATH"), arguments.text("TARGET"), _uuid(connection, arguments)
    connection.call(folder.move_file, uuid, path, target)
    return Message(f"successfully moved '{path}' to '{target}'")


def _rename_file(connection: Connection, arguments: Arguments) -> View:
    path, name, uuid = arguments.text("PATH"), arguments.text("NAME"), _uuid(connection, arguments)
    connection.call(folder.rename_file, uuid, path, name)
    return Message(f"successfully renamed '{path}' to '{name}'")


def _rename(connection: Connection, arguments: Arguments) -> View:
    name, uuid = arguments.text("NAME"), _uuid(connection, arguments)
    return Record(connection.ask(folder.rename_folder, uuid, name), FIELDS)


def _change(connection: Connection, arguments: Arguments) -> View:
    chosen = arguments.is_set("--cloneable") or arguments.is_set("--not-cloneable")
    cloneable = arguments.is_set("--cloneable") if chosen else None
    change = partial(folder.set_options, permission=arguments.optional("--permission"), cloneable=cloneable)
    return Record(connection.ask(change, _uuid(connection, arguments)), FIELDS)


def _clone(connection: Connection, arguments: Arguments) -> View:
    copy = partial(
        folder_sharing.clone_folder,
        storage=arguments.optional("--storage") or "",
        usage_mode=arguments.text("--usage"),
        permission=arguments.optional("--permission") or WRITE,
    )
    uuid = _uuid(connection, arguments)
    return Record(connection.ask(copy, uuid, arguments.text("NAME")), FIELDS)


def _invite(connection: Connection, arguments: Arguments) -> View:
    whom = _uuid(connection, arguments), arguments.text("USER"), arguments.optional("--permission") or READ
    return Record(connection.ask(folder_sharing.invite, *whom), INVITATION_FIELDS)


def _invitations(connection: Connection, arguments: Arguments) -> View:
    find = partial(folder_sharing.list_invitations, sent=arguments.is_set("--sent"))
    return Listing.from_answer(connection.ask(find), INVITATION_COLUMNS)


def _accept(connection: Connection, arguments: Arguments) -> View:
    return Record(connection.ask(folder_sharing.accept_invitation, arguments.text("INVITATION")), FIELDS)


def _decline(connection: Connection, arguments: Arguments) -> View:
    uuid = arguments.text("INVITATION")
    connection.call(folder_sharing.decline_invitation, uuid)
    return Message(f"successfully declined invitation '{uuid}'")


def _share(connection: Connection, arguments: Arguments) -> View:
    whom = _uuid(connection, arguments), arguments.text("USER"), arguments.optional("--permission") or READ
    return Record(connection.ask(folder_sharing.share, *whom), PERMISSION_FIELDS)


def _unshare(connection: Connection, arguments: Arguments) -> View:
    user, uuid = arguments.text("USER"), _uuid(connection, arguments)
    connection.call(folder_sharing.unshare, uuid, user)
    return Message(f"folder '{arguments.text('FOLDER')}' is not shared with user '{user}' any more")


def _permissions(connection: Connection, arguments: Arguments) -> View:
    uuid = _uuid(connection, arguments)
    return Listing.from_answer(connection.ask(folder_sharing.list_permissions, uuid), PERMISSION_FIELDS)


def _leave(connection: Connection, arguments: Arguments) -> View:
    connection.call(folder_sharing.leave_folder, _uuid(connection, arguments))
    return Message(f"successfully left folder '{arguments.text('FOLDER')}'")
