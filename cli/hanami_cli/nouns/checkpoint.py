"""`hanamictl checkpoint`.

Owns the commands for checkpoints. Must not know the wire, which is the SDK's.
"""

from __future__ import annotations

from functools import partial

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.files import check_readable
from hanami_cli.labels import LABELS, labels_of, shown_labels
from hanami_cli.lineage import lessons
from hanami_cli.names import uuid_of
from hanami_cli.nouns import run_noun
from hanami_cli.progress import progress
from hanami_cli.views import Listing, Message, Record, View
from hanami_sdk import checkpoint

__all__ = ["HELP", "run"]

HELP = f"""
Checkpoints are saved states of clusters. `hanamictl cluster save` creates them, `cluster restore` loads them.

Usage:
    hanamictl checkpoint get CHECKPOINT [options]
    hanamictl checkpoint list [--tag TAG] [options]
    hanamictl checkpoint delete CHECKPOINT [options]
    hanamictl checkpoint label CHECKPOINT [--rename NAME] [--about TEXT] [--tags TAGS] [options]
    hanamictl checkpoint visibility CHECKPOINT VISIBILITY [options]
    hanamictl checkpoint download CHECKPOINT PATH [options]
    hanamictl checkpoint upload PATH NAME [options]
    hanamictl checkpoint export CHECKPOINT FORMAT PATH [options]

FORMAT is onnx, numpy (a zip file with a Python module), or another one that a plugin of the server adds.
PATH is a local file. A downloaded checkpoint can be uploaded to any server; an interrupted download resumes.
CHECKPOINT is a UUID or a unique name.
VISIBILITY is private (owner and admins only), shared (everyone in the project) or public (everyone).

Options:
    --tag TAG                                 list only those with this tag
    --rename NAME                             new name
    --about TEXT                              description for people
    --tags TAGS                               all its tags, separated by commas; an empty text removes them
{COMMON_OPTIONS}
Examples:
    hanamictl checkpoint list
    hanamictl checkpoint download summer summer.hanami
    hanamictl checkpoint export summer onnx summer.onnx
    hanamictl checkpoint delete 84eaae8e-aeae-4db4-840e-ca38f4461ec7
"""

FIELDS = ("uuid", "name", "visibility", "owner_id", "project_id", "created_at")
FIELDS_OF_ORIGIN = (
    "size",
    "cluster_uuid",
    "cluster_name",
    "task_uuid",
    "task_name",
    "cycles",
    "metrics",
    "number_of_trainings",
    "trainings",
    "seed",
    "version",
    "imported",
    *LABELS,
)
COLUMNS = (*FIELDS, "size", "cluster", "task", "cycles", *LABELS)


def run(argv: list[str]) -> int:
    """Run one command line for the noun `checkpoint`."""
    actions = {
        "get": _get,
        "list": _list,
        "delete": _delete,
        "label": _label,
        "visibility": _visibility,
        "download": _download,
        "upload": _upload,
        "export": _export,
    }
    return run_noun(HELP, actions, argv)


def _get(connection: Connection, arguments: Arguments) -> View:
    uuid = uuid_of(connection, "checkpoint", arguments.text("CHECKPOINT"))
    answer = connection.ask(partial(checkpoint.get_checkpoint, details=True), uuid)
    origin = [field for field in FIELDS_OF_ORIGIN if field in answer]
    return Record(answer, (*FIELDS, *origin), {**shown_labels(answer), "trainings": lessons(answer)})


def _list(connection: Connection, arguments: Arguments) -> View:
    find = partial(checkpoint.list_checkpoints, details=True, tag=arguments.optional("--tag") or "")
    return Listing.from_answer(connection.ask(find), COLUMNS)


def _delete(connection: Connection, arguments: Arguments) -> View:
    given = arguments.text("CHECKPOINT")
    connection.call(checkpoint.delete_checkpoint, uuid_of(connection, "checkpoint", given))
    return Message(f"successfully deleted checkpoint '{given}'")


def _label(connection: Connection, arguments: Arguments) -> View:
    uuid = uuid_of(connection, "checkpoint", arguments.text("CHECKPOINT"))
    change = partial(checkpoint.set_labels, **labels_of(arguments))
    answer = connection.ask(change, uuid)
    return Record(answer, (*FIELDS, *LABELS), shown_labels(answer))


def _visibility(connection: Connection, arguments: Arguments) -> View:
    uuid = uuid_of(connection, "checkpoint", arguments.text("CHECKPOINT"))
    return Record(connection.ask(checkpoint.set_visibility, uuid, arguments.text("VISIBILITY")), FIELDS)


def _download(connection: Connection, arguments: Arguments) -> View:
    given, path = arguments.text("CHECKPOINT"), arguments.text("PATH")
    uuid = uuid_of(connection, "checkpoint", given)
    with connection.client() as client, progress(lines=False) as report:
        client.download_checkpoint(uuid, path, partial(report, "downloading"))
    return Message(f"successfully downloaded checkpoint '{given}' to {path}")


def _upload(connection: Connection, arguments: Arguments) -> View:
    path = check_readable(arguments.text("PATH"))
    with connection.client() as client, progress(lines=False) as report:
        uuid = client.upload_checkpoint(path, arguments.text("NAME"), partial(report, "uploading")).uuid
    return Record(connection.ask(checkpoint.get_checkpoint, uuid), FIELDS)


def _export(connection: Connection, arguments: Arguments) -> View:
    given, path = arguments.text("CHECKPOINT"), arguments.text("PATH")
    uuid = uuid_of(connection, "checkpoint", given)
    with connection.client() as client, progress(lines=False) as report:
        client.export(uuid, arguments.text("FORMAT"), path, partial(report, "downloading"))
    return Message(f"successfully exported checkpoint '{given}' to {path}")
