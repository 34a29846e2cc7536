"""`hanamictl dataset`.

Owns the commands for datasets. Must not know the wire, which is the SDK's, nor what is in the files: formats beyond
those of the released client are named on the command line and judged by the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.comparison import ComparisonView
from hanami_cli.connection import Connection, as_object
from hanami_cli.errors import UsageError
from hanami_cli.files import check_readable
from hanami_cli.labels import LABELS, labels_of, shown_labels
from hanami_cli.leases import LEASE, known_lease
from hanami_cli.names import uuid_of
from hanami_cli.nouns import run_noun
from hanami_cli.progress import Report, progress
from hanami_cli.text import suggestion
from hanami_cli.views import Content, Listing, Message, Record, View
from hanami_sdk import Client, dataset
from hanami_sdk.hanami_exceptions import HanamiException

__all__ = ["HELP", "run"]

HELP = f"""
Datasets are tables of numbers with named columns, created from uploaded files.

Usage:
    hanamictl dataset create FORMAT NAME -i PATH [-l PATH] [--part PART=PATH]... [--folder FOLDER] [--lease SECONDS]
        [options]
    hanamictl dataset get DATASET [options]
    hanamictl dataset list [--tag TAG] [options]
    hanamictl dataset delete DATASET [options]
    hanamictl dataset check DATASET -r DATASET [--unequal] [options]
    hanamictl dataset compare DATASET -r DATASET [-c COLUMN] [--right COLUMN] [--unequal] [options]
    hanamictl dataset label DATASET [--rename NAME] [--about TEXT] [--tags TAGS] [options]
    hanamictl dataset visibility DATASET VISIBILITY [options]
    hanamictl dataset lease DATASET SECONDS [options]
    hanamictl dataset keep DATASET [options]
    hanamictl dataset content DATASET -c COLUMN -n COUNT [-o COUNT] [options]
    hanamictl dataset download DATASET PATH [-f FORMAT] [--folder FOLDER] [options]

DATASET is a UUID or a unique name, so is FOLDER.
VISIBILITY is private (owner and admins only), shared (everyone in the project) or public (everyone).
FORMAT is mnist (takes -i and -l; files may be .gz), csv (takes -i), or another format that a plugin of the server adds.
For a download, it is csv, npz, npy, parquet, or another one added by a plugin.
A dataset with a lease is deleted after SECONDS without use; `lease` renews the lease, `keep` ends it.
With --folder, paths are those of files in a folder of the server, which reads and writes them itself.
`check` shows the accuracy; `compare` also shows error measures, precision, recall and a confusion matrix.

Options:
    -i PATH, --input PATH                           file with the input
    -l PATH, --label PATH                           file with the labels
    --part PART=PATH                                file for another part of the format; may be repeated
    --folder FOLDER                                 folder of the server that the files lie in
    --lease SECONDS                                 delete it after SECONDS without use
    -r DATASET, --reference DATASET                 dataset with the correct answers
    --unequal                                       ignore the rows that only one of the two has
    -c COLUMN, --column COLUMN                      name of the column
    --right COLUMN                                  column with the correct answers
    -n COUNT, --rows COUNT                          number of rows
    -o COUNT, --offset COUNT                        number of the first row [default: 0]
    -f FORMAT, --format FORMAT                      format of the file [default: csv]
    --tag TAG                                       list only those with this tag
    --rename NAME                                   new name
    --about TEXT                                    description for people
    --tags TAGS                                     all its tags, separated by commas; an empty text removes them
{COMMON_OPTIONS}
Examples:
    hanamictl dataset create mnist -i train-images-idx3-ubyte.gz -l train-labels-idx1-ubyte.gz digits
    hanamictl dataset check -r 6f2bbcd2-7081-4b08-ae1d-16e6cd6f54c4 d40c0c06-bd28-49a4-b872-6a70c4750bb9
    hanamictl dataset download exam exam.parquet -f parquet
    hanamictl dataset create csv -i train.csv --folder irises irises
    hanamictl dataset content -c guess -o 100 -n 10 exam --output csv
"""

LIST_FIELDS = ("uuid", "name", "visibility", "owner_id", "project_id", "created_at")
COLUMNS = (*LIST_FIELDS, "rows", "format", *LABELS)
FIELDS = (
    "uuid",
    "name",
    "version",
    "number_of_columns",
    "number_of_rows",
    "description",
    *LIST_FIELDS[2:],
)

# The formats of the released client: a part too few or too many is a wrong command line.
KNOWN_PARTS = {"mnist": ("input", "label"), "csv": ("input",)}


def run(argv: list[str]) -> int:
    """Run one command line for the noun `dataset`."""
    actions = {
        "create": _create,
        "get": _get,
        "list": _list,
        "delete": _delete,
        "check": _check,
        "compare": _compare,
        "content": _content,
        "label": _label,
        "visibility": _visibility,
        "lease": _lease,
        "keep": _keep,
        "download": _download,
    }
    return run_noun(HELP, actions, argv)


def _create(connection: Connection, arguments: Arguments) -> View:
    form, parts, lease = arguments.text("FORMAT"), _parts(arguments), arguments.whole("--lease")
    folder = _folder(connection, arguments)
    with connection.client() as client, progress(lines=False) as report, _hint(form):
        uuid = _upload(client, form, arguments.text("NAME"), parts, partial(_report, report), lease, folder)
        answer = client.get("/dataset", uuid=uuid)
    return Record(as_object(answer), FIELDS)


def _report(report: Report, done: int, total: int) -> None:
    """Show how far an upload is. What follows its last byte is the server's work, which may take as long."""
    report("uploading" if done < total else "storing", done, total)


@contextmanager
def _hint(form: str) -> Iterator[None]:
    """Add to an error what may be meant by a format that is not known here."""
    try:
        yield
    except HanamiException as error:
        if meant := suggestion(form, () if form in KNOWN_PARTS else KNOWN_PARTS):
            raise HanamiException(f"{error} (format '{form}'{meant})", error.status) from error
        raise


def _upload(
    client: Client,
    form: str,
    name: str,
    parts: Mapping[str, str],
    report: Callable[[int, int], None],
    lease: int | None,
    folder: str | None,
) -> str:
    """Return the UUID of the new dataset. The SDK knows of mnist that its files may be compressed."""
    if form == "mnist":
        return client.upload_mnist(name, parts["input"], parts["label"], report, lease=lease, folder=folder).uuid
    return client.upload(name, form, parts, report, lease=lease, folder=folder).uuid


def _get(connection: Connection, arguments: Arguments) -> View:
    answer = connection.ask(partial(dataset.get_dataset, details=True), _dataset(connection, arguments))
    labels = [name for name in LABELS if name in answer]
    return Record(answer, (*FIELDS, *labels, *known_lease(answer)), shown_labels(answer))


def _list(connection: Connection, arguments: Arguments) -> View:
    find = partial(dataset.list_datasets, details=True, tag=arguments.optional("--tag") or "")
    return Listing.from_answer(connection.ask(find), COLUMNS)


def _delete(connection: Connection, arguments: Arguments) -> View:
    connection.call(dataset.delete_dataset, _dataset(connection, arguments))
    return Message(f"successfully deleted dataset '{arguments.text('DATASET')}'")


def _label(connection: Connection, arguments: Arguments) -> View:
    uuid = _dataset(connection, arguments)
    change = partial(dataset.set_labels, **labels_of(arguments))
    answer = connection.ask(change, uuid)
    return Record(answer, (*LIST_FIELDS, *LABELS), shown_labels(answer))


def _visibility(connection: Connection, arguments: Arguments) -> View:
    uuid = _dataset(connection, arguments)
    return Record(connection.ask(dataset.set_visibility, uuid, arguments.text("VISIBILITY")), LIST_FIELDS)


def _lease(connection: Connection, arguments: Arguments) -> View:
    seconds, uuid = arguments.integer("SECONDS"), _dataset(connection, arguments)
    return Record(connection.ask(dataset.set_lease, uuid, seconds), (*LIST_FIELDS, *LEASE))


def _keep(connection: Connection, arguments: Arguments) -> View:
    uuid = _dataset(connection, arguments)
    return Record(connection.ask(dataset.set_lease, uuid, None), (*LIST_FIELDS, *LEASE))


def _check(connection: Connection, arguments: Arguments) -> View:
    uuids = _dataset(connection, arguments), _dataset(connection, arguments, "--reference")
    function = partial(dataset.check_mnist_dataset, equal_rows=not arguments.is_set("--unequal"))
    return Record(connection.ask(function, *uuids), ("accuracy",))


def _compare(connection: Connection, arguments: Arguments) -> View:
    uuids = _dataset(connection, arguments), _dataset(connection, arguments, "--reference")
    columns = arguments.optional("--column") or "", arguments.optional("--right") or ""
    equal_rows = not arguments.is_set("--unequal")
    return ComparisonView(connection.ask(dataset.compare_datasets, *uuids, *columns, equal_rows))


def _content(connection: Connection, arguments: Arguments) -> View:
    rows, offset = arguments.integer("--rows"), arguments.integer("--offset")
    uuid, column = _dataset(connection, arguments), arguments.text("--column")
    answer = connection.ask(dataset.download_dataset_content, uuid, column, rows, offset)
    return Content.from_answer(answer, offset)


def _download(connection: Connection, arguments: Arguments) -> View:
    uuid, path, folder = _dataset(connection, arguments), arguments.text("PATH"), _folder(connection, arguments)
    with connection.client() as client, progress(lines=False) as report:
        form = arguments.text("--format")
        client.download_dataset(uuid, path, form, partial(report, "downloading"), folder=folder)
    place = path if folder is None else f"'{path}' in folder '{arguments.text('--folder')}'"
    return Message(f"successfully downloaded dataset '{arguments.text('DATASET')}' to {place}")


def _folder(connection: Connection, arguments: Arguments) -> str | None:
    name = arguments.optional("--folder")
    return None if name is None else uuid_of(connection, "folder", name)


def _dataset(connection: Connection, arguments: Arguments, name: str = "DATASET") -> str:
    return uuid_of(connection, "dataset", arguments.text(name))


def _parts(arguments: Arguments) -> dict[str, str]:
    """Return the paths by the names of the parts; those of local files are looked at.

    Raises:
        UsageError: a known format gets other parts than it has.
        CliError: a file cannot be read.
    """
    named = {"input": arguments.optional("--input"), "label": arguments.optional("--label")}
    parts = {name: path for name, path in named.items() if path is not None}
    parts.update(map(_part, arguments.texts("--part")))
    _check_known(arguments.text("FORMAT"), tuple(parts))
    if arguments.optional("--folder") is not None:
        return parts
    return {name: check_readable(path) for name, path in parts.items()}


def _part(text: str) -> tuple[str, str]:
    name, _, path = text.partition("=")
    if not name or not path:
        raise UsageError(f'invalid argument "{text}" for "--part": use PART=PATH')
    return name, path


def _check_known(form: str, names: Sequence[str]) -> None:
    known = KNOWN_PARTS.get(form, names)
    if missing := [f'"{name}"' for name in known if name not in names]:
        raise UsageError(f"required flag(s) {', '.join(missing)} not set")
    if surplus := [name for name in names if name not in known]:
        raise UsageError(f"the format {form} has no part '{surplus[0]}'")
