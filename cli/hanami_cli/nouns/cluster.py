"""`hanamictl cluster`.

Owns the commands for clusters. Must not know the wire, which is the SDK's, nor the grammar of templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection, as_object
from hanami_cli.errors import UsageError
from hanami_cli.files import read_text
from hanami_cli.labels import LABELS, labels_of, shown_labels
from hanami_cli.leases import LEASE, known_lease
from hanami_cli.lineage import lessons
from hanami_cli.names import uuid_of
from hanami_cli.nouns import run_noun
from hanami_cli.text import Verbatim, one_line
from hanami_cli.views import Content, Listing, Message, Record, View
from hanami_cli.waiting import wait_for_task
from hanami_sdk import cluster

__all__ = ["HELP", "run"]

HELP = f"""
Clusters are networks that grow while they learn. They are created from a template or by their first training.

Usage:
    hanamictl cluster create NAME [-t PATH] [--lease SECONDS] [options]
    hanamictl cluster get CLUSTER [options]
    hanamictl cluster list [--tag TAG] [options]
    hanamictl cluster delete CLUSTER [options]
    hanamictl cluster save CLUSTER -n NAME [--wait] [options]
    hanamictl cluster restore CLUSTER -c CHECKPOINT [--wait] [options]
    hanamictl cluster mode CLUSTER MODE [--shared] [options]
    hanamictl cluster switch-host CLUSTER HOST_UUID [options]
    hanamictl cluster label CLUSTER [--rename NAME] [--about TEXT] [--tags TAGS] [options]
    hanamictl cluster visibility CLUSTER VISIBILITY [options]
    hanamictl cluster lease CLUSTER SECONDS [options]
    hanamictl cluster keep CLUSTER [options]
    hanamictl cluster predict CLUSTER (-v VALUES)... [options]
    hanamictl cluster direct CLUSTER (-v VALUES)... [options]

CLUSTER and CHECKPOINT are UUIDs or unique names.
MODE is TASK, in which a cluster runs its tasks, or DIRECT, in which clients use it over websockets.
VISIBILITY is private (owner and admins only), shared (everyone in the project) or public (everyone).
Everyone who can see a cluster can query it.
A cluster with a lease is deleted after SECONDS without use; `lease` renews the lease, `keep` ends it.
`predict` predicts one row without a dataset or a task, even while the cluster is being trained; the answer comes from
the state that was stored last. `direct` queries the live network, and the cluster's tasks wait in the meantime.
VALUES is HEXAGON=NUMBERS or HEXAGON=@PATH. NUMBERS are separated by commas, in files also by whitespace; the path -
reads standard input.

Options:
    -t PATH, --template PATH                  file with the template
    --lease SECONDS                           delete it after SECONDS without use
    -n NAME, --name NAME                      name of the checkpoint
    -c CHECKPOINT, --checkpoint CHECKPOINT    checkpoint to restore
    --shared                                  share with others: DIRECT may be on already, TASK disconnects nobody
    -v VALUES, --values VALUES                values of an input; repeat the option for several inputs
    --wait                                    wait until it is done, after the tasks queued before it
    --tag TAG                                 list only those with this tag
    --rename NAME                             new name
    --about TEXT                              description for people
    --tags TAGS                               all its tags, separated by commas; an empty text removes them
{COMMON_OPTIONS}
Examples:
    hanamictl cluster create -t ./digits.template digits
    hanamictl cluster save -n before_holidays 12959485-51a7-45bc-84dd-aad1c9bfd510
    hanamictl cluster mode digits TASK
    hanamictl cluster predict flowers -v flower=5.1,3.5,1.4,0.2
    hanamictl cluster direct flowers -v flower=5.1,3.5,1.4,0.2
"""

FIELDS = ("uuid", "name", "visibility", "owner_id", "project_id", "created_at")
FIELDS_WITH_SIZE = (*FIELDS[:4], "number_of_blocks", "number_of_sections", *FIELDS[4:])
FIELDS_OF_GROWTH = ("host", "mode", "cycles", "seed")
FIELDS_OF_ORIGIN = ("version", "stored_at", "number_of_trainings", "trainings", "template", *LABELS)
COLUMNS = (*FIELDS, "cycles", *LABELS)
MODES = ("TASK", "DIRECT")


def run(argv: list[str]) -> int:
    """Run one command line for the noun `cluster`."""
    actions = {
        "create": _create,
        "get": _get,
        "list": _list,
        "delete": _delete,
        "save": _save,
        "restore": _restore,
        "mode": _mode,
        "switch-host": _switch_host,
        "label": _label,
        "visibility": _visibility,
        "lease": _lease,
        "keep": _keep,
        "predict": _predict,
        "direct": _direct,
    }
    return run_noun(HELP, actions, argv)


def _create(connection: Connection, arguments: Arguments) -> View:
    path = arguments.optional("--template")
    template = "" if path is None else read_text(path)
    create = partial(cluster.create_cluster, lease=arguments.whole("--lease"))
    return Record(connection.ask(create, arguments.text("NAME"), template), FIELDS)


def _get(connection: Connection, arguments: Arguments) -> View:
    answer = connection.ask(partial(cluster.get_cluster, details=True), _cluster(connection, arguments))
    # A server of OpenHanami does not tell them. Which metrics there are is the affair of the cluster's rules.
    growth = [field for field in FIELDS_OF_GROWTH if field in answer]
    metrics = {name: value for name, value in _metrics(answer).items() if f"number_of_{name}" not in answer}
    growth += [name for name in metrics if name not in answer]
    origin = [field for field in FIELDS_OF_ORIGIN if field in answer]
    shown = {
        **shown_labels(answer),
        "trainings": lessons(answer),
        "template": Verbatim.of((answer.get("template") or "").splitlines()),
    }
    return Record(answer, (*FIELDS_WITH_SIZE, *growth, *origin, *known_lease(answer)), {**metrics, **shown})


def _metrics(answer: Mapping[str, object]) -> Mapping[str, object]:
    metrics = answer.get("metrics")
    return metrics if isinstance(metrics, dict) else {}


def _list(connection: Connection, arguments: Arguments) -> View:
    find = partial(cluster.list_clusters, details=True, tag=arguments.optional("--tag") or "")
    return Listing.from_answer(connection.ask(find), COLUMNS)


def _delete(connection: Connection, arguments: Arguments) -> View:
    connection.call(cluster.delete_cluster, _cluster(connection, arguments))
    return Message(f"successfully deleted cluster '{arguments.text('CLUSTER')}'")


def _save(connection: Connection, arguments: Arguments) -> View:
    uuid = _cluster(connection, arguments)
    answer = connection.ask(cluster.save_cluster, arguments.text("--name"), uuid)
    _wait(connection, arguments, answer, uuid)
    return Record(answer, ("uuid", "name"))


def _restore(connection: Connection, arguments: Arguments) -> View:
    checkpoint = uuid_of(connection, "checkpoint", arguments.text("--checkpoint"))
    uuid = _cluster(connection, arguments)
    answer = connection.ask(cluster.restore_cluster, checkpoint, uuid)
    _wait(connection, arguments, answer, uuid)
    return Record(answer, ("uuid",))


def _cluster(connection: Connection, arguments: Arguments) -> str:
    return uuid_of(connection, "cluster", arguments.text("CLUSTER"))


def _wait(connection: Connection, arguments: Arguments, answer: Mapping[str, object], uuid: str) -> None:
    if arguments.is_set("--wait"):
        wait_for_task(connection, str(answer.get("uuid")), uuid)


def _mode(connection: Connection, arguments: Arguments) -> View:
    mode = arguments.text("MODE").upper()
    if mode not in MODES:
        raise UsageError(f'invalid argument "{arguments.text("MODE")}" for MODE: use {" or ".join(MODES)}')
    uuid = _cluster(connection, arguments)
    with connection.client() as client:  # the function for the mode DIRECT would also open a websocket
        answer = client.put(
            "/cluster/set_mode", {"uuid": uuid, "new_state": mode, "shared": arguments.is_set("--shared")}
        )
    return Record(as_object(answer), ("uuid", "name", "new_state"))


def _switch_host(connection: Connection, arguments: Arguments) -> View:
    uuids = _cluster(connection, arguments), arguments.text("HOST_UUID")
    return Record(connection.ask(cluster.switch_host, *uuids), FIELDS)


def _label(connection: Connection, arguments: Arguments) -> View:
    uuid = _cluster(connection, arguments)
    change = partial(cluster.set_labels, **labels_of(arguments))
    answer = connection.ask(change, uuid)
    return Record(answer, (*FIELDS, *LABELS), shown_labels(answer))


def _visibility(connection: Connection, arguments: Arguments) -> View:
    uuid = _cluster(connection, arguments)
    return Record(connection.ask(cluster.set_visibility, uuid, arguments.text("VISIBILITY")), FIELDS)


def _lease(connection: Connection, arguments: Arguments) -> View:
    seconds, uuid = arguments.integer("SECONDS"), _cluster(connection, arguments)
    return Record(connection.ask(cluster.set_lease, uuid, seconds), (*FIELDS, *LEASE))


def _keep(connection: Connection, arguments: Arguments) -> View:
    uuid = _cluster(connection, arguments)
    return Record(connection.ask(cluster.set_lease, uuid, None), (*FIELDS, *LEASE))


def _predict(connection: Connection, arguments: Arguments) -> View:
    inputs = {name: [values] for name, values in map(_values, arguments.texts("--values"))}
    uuid = _cluster(connection, arguments)
    with connection.client() as client:
        outputs = client.predict(uuid, inputs).outputs
    return Content([[value for rows in outputs.values() for value in rows[0]]], 0)


def _direct(connection: Connection, arguments: Arguments) -> View:
    inputs = dict(map(_values, arguments.texts("--values")))
    uuid = _cluster(connection, arguments)
    with connection.client() as client, client.direct(uuid) as live:
        return Content([live.request(inputs)], 0)


def _values(text: str) -> tuple[str, list[float]]:
    hexagon, _, given = text.partition("=")
    if not hexagon or not given:
        raise UsageError(f'invalid argument "{text}" for "--values": use HEXAGON=NUMBERS or HEXAGON=@PATH')
    numbers = read_text(given[1:]) if given.startswith("@") else given
    try:
        return hexagon, [float(number) for number in numbers.replace(",", " ").split()]
    except ValueError as error:
        raise UsageError(f'invalid argument for "--values": {hexagon}: {one_line(str(error))}') from None
