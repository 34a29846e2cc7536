"""What the faces of features publish: typed functions without HTTP, wire dictionaries and rows of the queue.

The last test does the main job through them alone, the way another API would.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import FunctionType, GenericAlias, ModuleType, UnionType
from typing import Any

import peewee
import pytest

from hanami_core import http
from hanami_core.access import Access, Action, Actor
from hanami_core.errors import Conflict, NotFound
from hanami_core.queue import Job, Task
from hanami_core.runtime import Runtime
from hanami_core.testing.hosts import host_context
from hanami_plugins import checkpoints, clusters, datasets, tasks, uploads
from hanami_plugins.clusters import LIVE, LiveClusters
from hanami_plugins.datasets import routes
from hanami_plugins.tasks import Binding, ResultColumn, bodies
from tests.contracts.test_house import sources
from tests.kernels import KERNELS
from tests.whole import Whole

FACES = (
    "auth_jwt",
    "checkpoints",
    "clusters",
    "datasets",
    "folders",
    "keypairs",
    "logs",
    "projects",
    "tasks",
    "uploads",
    "users",
)
WIRE = re.compile(r"\bCall\b|\bfalcon\b|\b([Dd]ict|Mapping)\b(?!\[)|\b([Dd]ict|Mapping)\[str, (Any|object)\]")
"""Types of a wire, also where they are imported for checkers alone."""
WIRE_MODULES = re.compile(r"falcon\b|hanami_core\.http\b|.*\.(bodies|routes)$")
"""Where types of a wire are defined."""
QUOTED = re.compile(r"`([A-Za-z_]+)`")
ALIASES = (GenericAlias, UnionType)


def published() -> list[tuple[str, Callable[..., Any]]]:
    found = []
    for face in FACES:
        module = import_module(f"hanami_plugins.{face}")
        named = [(name, getattr(module, name)) for name in module.__all__]
        found += [(f"{face}.{name}", item) for name, item in named if isinstance(item, FunctionType)]
    return found


def of_wire(hint: str, known: Mapping[str, Any]) -> list[str]:
    """Return what a hint names that belongs to a wire; `known` are the names of the module that it stands in."""
    named = {word: known[word] for word in re.findall(r"\w+", hint) if word in known}
    aliases = [repr(item).replace("typing.", "") for item in named.values() if isinstance(item, ALIASES)]
    found = [match.group() for text in (hint, *aliases) for match in WIRE.finditer(text)]
    return found + [word for word, item in named.items() if WIRE_MODULES.match(home_of(item))]


def home_of(item: object) -> str:
    return item.__name__ if isinstance(item, ModuleType) else str(getattr(item, "__module__", ""))


def test_every_feature_publishes_services() -> None:
    assert len(published()) > 50
    assert {name.split(".")[0] for name, _ in published()} == set(FACES)


@pytest.mark.parametrize(("name", "service"), published(), ids=[name for name, _ in published()])
def test_a_service_is_typed_and_documented_and_knows_no_http(name: str, service: Callable[..., Any]) -> None:
    # Texts, because some types that checkers know, such as selections of rows, do not exist when the code runs.
    plain = inspect.unwrap(service)
    hints = plain.__annotations__
    assert set(hints) == {*inspect.signature(service).parameters, "return"}, f"{name} has parameters without types"
    assert {what: found for what, hint in hints.items() if (found := of_wire(hint, plain.__globals__))} == {}
    assert (inspect.getdoc(service) or "").endswith(".")


@pytest.mark.parametrize(
    "hint",
    [
        *("Call", "falcon.Request", "Call | None", "dict", "dict[str, Any]", "list[Mapping[str, Any]]"),
        *("Listing", "list[http.Page]", "Source | None", "tuple[DatasetAnswer, ...]"),
    ],
)
def test_the_rule_about_types_finds(hint: str) -> None:
    known = {"http": http, "Listing": http.Listing, "Source": bodies.Source, "DatasetAnswer": routes.DatasetAnswer}
    assert of_wire(hint, known)


@pytest.mark.parametrize("hint", ["dict[str, int]", "Mapping[str, tuple[int, int]]", "peewee.ModelSelect[Dataset]"])
def test_the_rule_about_types_lets_pass(hint: str) -> None:
    assert of_wire(hint, {"peewee": peewee, "Mapping": Mapping, "Dataset": datasets.Dataset}) == []


def test_the_guide_lists_services_that_exist() -> None:
    guide = (Path(__file__).parents[2] / "docs/plugin_guide.md").read_text()
    _, _, table = guide.partition("| plugin | services |\n|---|---|\n")
    rows = [line.strip("|").split("|") for line in table.partition("\n\n")[0].splitlines()]
    listed = {tuple(QUOTED.findall(plugins)): QUOTED.findall(services) for plugins, services in rows}
    assert {plugin for plugins in listed for plugin in plugins} >= set(FACES)
    for plugins, services in listed.items():
        exported = {name for plugin in plugins for name in import_module(f"hanami_plugins.{plugin}").__all__}
        assert set(services) <= exported, plugins


# -- the queue alone writes its rows -----------------------------------------------------------------------------------

MODELS, ROWS = ("Partition", "Task"), ("task", "partition")
WRITES_OF_MODELS = {"bulk_create", "bulk_update", "create", "delete", "insert", "insert_many", "replace", "update"}
WRITES_OF_ROWS = {"delete_instance", "mark_deleted", "save"}


def writes(tree: ast.AST) -> Iterator[int]:
    """Return the lines that write rows of the queue."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute):
            name, verb = last_name(node.func.value), node.func.attr
            if (name in MODELS and verb in WRITES_OF_MODELS) or (name in ROWS and verb in WRITES_OF_ROWS):
                yield node.lineno
        if last_name(node.func) == "compare_and_set" and last_name(node.args[0]) in MODELS:
            yield node.lineno


def last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else str(getattr(node, "id", ""))


def of_queue(path: Path) -> bool:
    return path.parts[-3:-1] == ("hanami_core", "queue")


def test_the_queue_alone_writes_its_rows() -> None:
    found: dict[bool, list[str]] = {True: [], False: []}
    for path in sources("hanami_core", "hanami_plugins", "hanami_server"):
        found[of_queue(path)] += [f"{path}:{line}" for line in writes(ast.parse(path.read_text()))]
    assert found[False] == []
    assert found[True] != []


@pytest.mark.parametrize(
    "text",
    [
        "Task.update(state=1)",
        "queue.Partition.create()",
        "job.task.mark_deleted()",
        "compare_and_set(Partition, True, head=1)",
    ],
)
def test_a_write_is_found(text: str) -> None:
    assert list(writes(ast.parse(text))) == [1]


# -- the main job ------------------------------------------------------------------------------------------------------

CSV = b"picture,label\n" + b"".join(b"%d,%d\n" % (n % 2, n % 2) for n in range(20))
TEMPLATE = """version: 1
settings:
    max_connection_distance: 1
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    picture: 1,1,1
outputs:
    label: 3,1,1
"""
OWNER = Actor("tsugumi", "tsugumi", "room", "member")
STRANGER = Actor("mallory", "mallory", "attic", "member")


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """An application that is also its host and its worker."""
    for module in (clusters.service, checkpoints.service):
        monkeypatch.setattr(module, "SETTLE_SECONDS", 0.0)
    with Whole(tmp_path / "data") as whole:
        whole.runtime.compute = whole.runtime.hosts["cpu0"]
        whole.runtime.compute.start(host_context(KERNELS))
        whole.runtime.stash[LIVE] = LiveClusters(whole.runtime)
        yield whole.runtime


def of(runtime: Runtime, actor: Actor) -> Access:
    return Access(actor, Action("panel.show", "GET", "", "read", ()), runtime.plugins.access_rules)


def work(runtime: Runtime) -> None:
    """Do what is queued for the host."""
    while task := runtime.queue.claim("cpu0", "cpu0/here"):
        runtime.kinds[task.kind].run(Job(runtime, task))


def add_file(runtime: Runtime, access: Access, content: bytes) -> datasets.Dataset:
    """Make a dataset of a file."""
    dataset, files = datasets.create_dataset(runtime, access, "csv", "numbers", {"input": len(content)})
    with uploads.open_upload(runtime, access, files["input"].uuid) as receiver:
        receiver.write(0, content)
    assert datasets.upload_progress(runtime, access, dataset.uuid).complete
    return datasets.finalise_dataset(runtime, access, "csv", dataset.uuid, {"input": files["input"].uuid})


def test_the_main_job_is_done_through_faces_alone(runtime: Runtime) -> None:
    access = of(runtime, OWNER)
    cluster = clusters.create_cluster(runtime, access, "reader", TEMPLATE)
    dataset = add_file(runtime, access, CSV)
    assert datasets.describe(datasets.get_dataset(access, dataset.uuid)).columns == {"picture": (0, 1), "label": (1, 2)}
    assert datasets.content(runtime, access, dataset.uuid, "label", offset=1, count=2) == [[1.0], [0.0]]

    inputs = [Binding("picture", dataset.uuid, "picture")]
    training = tasks.train(runtime, access, cluster.uuid, "learn", inputs, [Binding("label", dataset.uuid, "label")])
    work(runtime)
    assert tasks.get_task(access, cluster.uuid, training.uuid).state == "finished"
    saved = checkpoints.save(runtime, access, cluster.uuid, "summer")
    work(runtime)
    assert checkpoints.get_checkpoint(access, saved.uuid).name == "summer"

    asked = tasks.request(
        runtime, access, cluster.uuid, "ask", inputs, [ResultColumn("label", "guess")], dataset="guesses"
    )
    work(runtime)
    guesses = datasets.get_dataset(access, asked.uuid)
    assert (guesses.name, datasets.describe(guesses).rows) == ("guesses", 20)
    other = clusters.create_cluster(runtime, access, "second")
    restored = checkpoints.restore(runtime, access, other.uuid, saved.uuid)
    work(runtime)
    assert tasks.get_task(access, other.uuid, restored.uuid).state == "finished"
    assert clusters.get_cluster(access, other.uuid).cycles == clusters.get_cluster(access, cluster.uuid).cycles == 20


def test_rows_are_found_through_the_access_of_whoever_asks(runtime: Runtime) -> None:
    own, strange = of(runtime, OWNER), of(runtime, STRANGER)
    cluster = clusters.create_cluster(runtime, own, "reader", TEMPLATE)
    with pytest.raises(NotFound) as missing:
        clusters.set_mode(runtime, strange, cluster.uuid, "DIRECT")
    assert (missing.value.code, missing.value.parameters) == ("cluster_missing", {"uuid": cluster.uuid})
    clusters.set_visibility(own, cluster.uuid, "public")
    assert clusters.get_cluster(strange, cluster.uuid) == cluster
    for forbidden in (
        lambda: clusters.delete_cluster(runtime, strange, cluster.uuid),
        lambda: clusters.set_visibility(strange, cluster.uuid, "private"),
        lambda: checkpoints.save(runtime, strange, cluster.uuid, "mine"),
        lambda: tasks.train(runtime, strange, cluster.uuid, "learn", [], []),
    ):
        with pytest.raises(NotFound, match="cluster missing"):
            forbidden()
    with pytest.raises(Conflict, match="cluster exists"):
        clusters.create_cluster(runtime, own, "reader", TEMPLATE)
    assert Task.select().count() == 0
