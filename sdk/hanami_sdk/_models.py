"""Answers of the server as frozen objects. Fields that this release does not know are ignored.

Times are UTC, `YYYY-MM-DD HH:MM:SS`, as the server gives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, TypeAlias, TypeVar

from hanami_sdk._html import Shown
from hanami_sdk._json import JsonObject
from hanami_sdk.hanami_exceptions import HanamiException

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column(Shown):
    """A column of a dataset.

    Attributes:
        dataset: UUID of the dataset.
        name: name of the column.
    """

    dataset: str
    name: str


@dataclass(frozen=True, slots=True)
class Dataset(Shown):
    """A dataset; `dataset["picture"]` names one of its columns.

    Attributes:
        uuid: UUID.
        name: name, not unique.
        owner_id: user who uploaded it.
        project_id: project it belongs to.
        visibility: `private`.
        created_at: time of creation.
        number_of_rows: rows, None in a list.
        number_of_columns: values of a row, None in a list.
        columns: values of a row that belong to a column, by its name; empty in a list.
        about: description for people.
        tags: its tags.
        lease: seconds of disuse after which it is deleted, unless renewed; None without a lease, and in a list.
        lease_left: how many of them are left, likewise.
    """

    uuid: str
    name: str
    owner_id: str = ""
    project_id: str = ""
    visibility: str = ""
    created_at: str = ""
    number_of_rows: int | None = None
    number_of_columns: int | None = None
    columns: Mapping[str, range] = field(default_factory=dict, hash=False)
    about: str = ""
    tags: tuple[str, ...] = ()
    lease: int | None = None
    lease_left: int | None = None

    def __getitem__(self, column: str) -> Column:
        """Name a column.

        Raises:
            KeyError: the dataset has no such column.
        """
        if self.columns and column not in self.columns:
            raise KeyError(f"dataset '{self.name}' has no column '{column}', only {', '.join(self.columns)}")
        return Column(self.uuid, column)

    @classmethod
    def from_json(cls, data: JsonObject) -> Dataset:
        """Return the dataset of an answer."""
        columns = {name: _column_range(position) for name, position in (data.get("description") or {}).items()}
        rows = {"number_of_rows": data["rows"]} if "rows" in data else {}
        return build(cls, {**data, **rows, "columns": columns, "tags": tuple(data.get("tags", ()))})


@dataclass(frozen=True, slots=True)
class Training(Shown):
    """A training of a network.

    Attributes:
        number: its number, from 1 on.
        task_uuid: UUID of the task, which may have been deleted since.
        name: name of the task.
        state: how it ended, such as `finished`.
        rows: rows that it has trained.
        cycles: training cycles of the network afterwards.
        version: number of the stored state of the cluster afterwards.
        ended_at: time of its end.
        datasets: UUID and name of each dataset, as it was then.
        settings: further settings of the training.
        imported: whether it took place on another server and came with a checkpoint file.
    """

    number: int
    task_uuid: str
    name: str
    state: str = ""
    rows: int = 0
    cycles: int = 0
    version: int = 0
    ended_at: str = ""
    datasets: tuple[tuple[str, str], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    imported: bool = False

    @classmethod
    def from_json(cls, data: JsonObject) -> Training:
        """Return a training of an answer."""
        datasets = tuple((one["uuid"], one["name"]) for one in data.get("datasets", ()))
        return build(cls, {**data, "datasets": datasets})


@dataclass(frozen=True, slots=True)
class Cluster(Shown):
    """A network.

    Attributes:
        uuid: UUID.
        name: name.
        owner_id: user who created it.
        project_id: project it belongs to.
        visibility: `private`.
        created_at: time of creation.
        number_of_blocks: size of the network, None in a list.
        number_of_sections: size of the network, None in a list.
        host: name of the compute host it lives on, empty in a list.
        mode: `TASK` or `DIRECT`, empty in a list.
        seed: source of all its random numbers, None in a list.
        cycles: training cycles since it was created, as far as they are stored, None in a list.
        metrics: metrics of its rule set, such as `synapses`; empty in a list.
        template: text of its template, None in a list or if there is none.
        version: number of its stored state, None in a list.
        stored_at: time of that, None in a list or if there is none.
        number_of_trainings: number of its trainings, None in a list.
        trainings: the last hundred of them, oldest first; empty in a list.
        about: description for people.
        tags: its tags.
        lease: seconds of disuse after which it is deleted, unless renewed; None without a lease, and in a list.
        lease_left: how many of them are left, likewise.
    """

    uuid: str
    name: str
    owner_id: str = ""
    project_id: str = ""
    visibility: str = ""
    created_at: str = ""
    number_of_blocks: int | None = None
    number_of_sections: int | None = None
    host: str = ""
    mode: str = ""
    seed: int | None = None
    cycles: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict, hash=False)
    template: str | None = None
    version: int | None = None
    stored_at: str | None = None
    number_of_trainings: int | None = None
    trainings: tuple[Training, ...] = ()
    about: str = ""
    tags: tuple[str, ...] = ()
    lease: int | None = None
    lease_left: int | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Cluster:
        """Return the cluster of an answer, or of a row of a list."""
        stored = None if data.get("stored_at") == "-" else data.get("stored_at")
        return build(cls, {**data, "stored_at": stored, **_tuples(data)})


@dataclass(frozen=True, slots=True)
class Checkpoint(Shown):
    """A stored state of a cluster.

    Attributes:
        uuid: UUID.
        name: name, not unique.
        owner_id: user who saved it.
        project_id: project it belongs to.
        visibility: `private`.
        created_at: time of creation.
        size: bytes of the state, None if the server does not say.
        cluster_uuid: UUID of the cluster that was saved, empty in a list or if nobody knows.
        cluster_name: name of that cluster then.
        task_uuid: UUID of the last training before that, empty in a list.
        task_name: name of that training.
        cycles: training cycles of the network, None if the server does not say.
        metrics: metrics of the network at that time.
        number_of_trainings: number of its trainings, None in a list.
        trainings: the last hundred of them, oldest first; empty in a list.
        about: description for people.
        tags: its tags.
        seed: source of all random numbers of its network, None in a list or if unknown.
        version: number of the stored state of the cluster that was saved, likewise.
        imported: whether it came as a file; all of its origin is then what the file says. False in a list.
    """

    uuid: str
    name: str
    owner_id: str = ""
    project_id: str = ""
    visibility: str = ""
    created_at: str = ""
    size: int | None = None
    cluster_uuid: str = ""
    cluster_name: str = ""
    task_uuid: str = ""
    task_name: str = ""
    cycles: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict, hash=False)
    number_of_trainings: int | None = None
    trainings: tuple[Training, ...] = ()
    about: str = ""
    tags: tuple[str, ...] = ()
    seed: int | None = None
    version: int | None = None
    imported: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Checkpoint:
        """Return the checkpoint of an answer, or of a row of a list."""
        names = {"cluster": "cluster_name", "task": "task_name"}
        known = {names.get(name, name): value for name, value in data.items()}
        return build(cls, {**known, **_tuples(data)})


@dataclass(frozen=True, slots=True)
class Task(Shown):
    """Work in the queue of a cluster.

    Attributes:
        uuid: UUID; the result of a request task is the dataset of the same UUID.
        cluster_uuid: UUID of the cluster.
        state: `queued`, `active`, `finished`, `aborted` or `failed`.
        name: name.
        current_cycle: cycles done, None in a list.
        total_number_of_cycles: cycles to do, None in a list.
        fraction: share that is done, 0.0 to 1.0.
        queue_timestamp: time of creation.
        start_timestamp: time of the first cycle, None if it has not begun.
        end_timestamp: time of the end, None if it has not ended.
        error: why it failed, None if it did not or the server does not say.
        waiting: what it waits for besides earlier tasks, such as the end of direct mode; None if for nothing.
        attempts: number of starts since progress was last stored.
        epochs: epochs that a finished training with validation has run, None for others.
        best_epoch: the epoch that its network comes from.
        outlier_rows: rows of a training with a value far from all others, which was replaced by the nearest of those.
        kind: `train`, `request`, `save`, `restore` or that of a plugin; empty if the server does not say.
        datasets: names of the datasets that it reads, as they were when it was queued.
    """

    uuid: str
    cluster_uuid: str
    state: str
    name: str = ""
    current_cycle: int | None = None
    total_number_of_cycles: int | None = None
    fraction: float = 0.0
    queue_timestamp: str | None = None
    start_timestamp: str | None = None
    end_timestamp: str | None = None
    error: str | None = None
    attempts: int = 1
    epochs: int | None = None
    best_epoch: int | None = None
    kind: str = ""
    datasets: tuple[str, ...] = ()
    waiting: str | None = None
    outlier_rows: int = 0

    @property
    def finished(self) -> bool:
        """Whether the task has done all of its work."""
        return self.state == "finished"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen: finished, aborted or failed."""
        return self.state in ("finished", "aborted", "failed")

    @classmethod
    def from_json(cls, data: Mapping[str, object], cluster_uuid: str) -> Task:
        """Return the task of an answer, or of a row of a list."""
        names = {"queued": "queue_timestamp", "start": "start_timestamp", "end": "end_timestamp"}
        known = {names.get(name, name): None if value == "-" else value for name, value in data.items()}
        known |= {name: known.get(name) or None for name in ("error", "waiting")}
        known["datasets"] = _names_of_datasets(data)
        return build(cls, {**known, "cluster_uuid": cluster_uuid, "fraction": _fraction(data)})


@dataclass(frozen=True, slots=True)
class Host(Shown):
    """A host that runs clusters.

    Attributes:
        uuid: UUID.
        type: `cpu`, or a type that a plugin adds.
        name: such as `cpu0`; empty if the server does not say.
        state: `ready`, what the host is preparing, or `unavailable` and why; empty if the server does not say.
        threads: number of threads that compute at the same time, None if the host does not say.
        memory: bytes that networks could use if there was nothing else.
        free_memory: bytes of these that are left.
        model: what the host computes with, such as the name of a card; empty if it does not say.
    """

    uuid: str
    type: str
    name: str = ""
    state: str = ""
    threads: int | None = None
    memory: int | None = None
    free_memory: int | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class Project(Shown):
    """A project, which groups users and isolates their data.

    Attributes:
        id: id.
        name: name.
        creator_id: user who created it.
        created_at: time of creation.
    """

    id: str
    name: str
    creator_id: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Membership(Shown):
    """Membership of a user in a project.

    Attributes:
        project_id: id of the project.
        role: role of the policy, such as `member` or `admin`.
        is_project_admin: whether the user sees the resources of all users of the project.
    """

    project_id: str
    role: str
    is_project_admin: bool


@dataclass(frozen=True, slots=True)
class User(Shown):
    """A user.

    Attributes:
        id: id, which is also the login.
        name: name.
        is_admin: whether the user administers the whole server.
        creator_id: user who created this one.
        projects: projects of the user.
        created_at: time of creation.
    """

    id: str
    name: str
    is_admin: bool = False
    creator_id: str = ""
    projects: tuple[Membership, ...] = ()
    created_at: str = ""

    @classmethod
    def from_json(cls, data: JsonObject) -> User:
        """Return the user of an answer."""
        return build(cls, {**data, "projects": memberships(data.get("projects", ()))})


@dataclass(frozen=True, slots=True)
class KeyPair(Shown):
    """An access key and its secret key, which sign the requests of programs.

    Attributes:
        access_key: access key, 20 characters.
        secret_key: secret key, 40 characters, of a pair that was just created; empty for any other. It is not part of
            the representation, which may end up in a log.
        owner_id: user whom the pair identifies.
        project_id: project that its requests work in.
        is_active: whether requests may be signed with the pair.
        description: what the pair is for.
        created_at: time of creation.
        last_used_at: when a request was last signed with the pair, to the minute; `-` if never.
    """

    access_key: str
    secret_key: str = field(default="", repr=False)
    owner_id: str = ""
    project_id: str = ""
    is_active: bool = True
    description: str = ""
    created_at: str = ""
    last_used_at: str = ""


@dataclass(frozen=True, slots=True)
class Quota(Shown):
    """Usage and limit of a resource for a user or a project.

    Attributes:
        kind: `user` or `project`.
        id: id of the user or the project.
        resource: what is limited, such as `disk` or `clusters`.
        used: current amount; None for sockets and running tasks, which each host counts on its own.
        limit: maximum; -1 for no limit.
        is_default: whether the limit is the default of the server.
    """

    kind: str
    id: str
    resource: str
    used: int | None
    limit: int
    is_default: bool = True


ClusterLike: TypeAlias = Cluster | str
DatasetLike: TypeAlias = Dataset | str
CheckpointLike: TypeAlias = Checkpoint | str
HostLike: TypeAlias = Host | str
ResultLike: TypeAlias = Dataset | Task | str
"""An object, or its UUID; a name will do for clusters, datasets and checkpoints."""


def build(kind: type[T], data: Mapping[str, object]) -> T:
    """Make an object of `kind` from the fields of an answer.

    Raises:
        HanamiException: a field is missing that no answer may lack.
    """
    known = {entry.name: data[entry.name] for entry in fields(kind) if entry.name in data}  # type: ignore[arg-type]
    missing = [entry.name for entry in fields(kind) if _is_required(entry) and entry.name not in known]  # type: ignore[arg-type]
    if missing:
        raise HanamiException(f"the answer lacks {', '.join(missing)}")
    return kind(**known)


def _is_required(entry: Field[object]) -> bool:
    return entry.default is MISSING and entry.default_factory is MISSING


def memberships(entries: Iterable[JsonObject]) -> tuple[Membership, ...]:
    """Return the projects of a user."""
    return tuple(build(Membership, entry) for entry in entries)


def _column_range(position: Mapping[str, int]) -> range:
    # v0.5.0 servers name the two the other way round
    start = position.get("column_start", position.get("start_column", 0))
    return range(start, position.get("column_end", position.get("end_column", start)))


def _tuples(data: JsonObject) -> dict[str, tuple[object, ...]]:
    trainings = tuple(map(Training.from_json, data.get("trainings", ())))
    return {"trainings": trainings, "tags": tuple(data.get("tags", ()))}


def _names_of_datasets(data: JsonObject) -> tuple[str, ...]:
    listed = data.get("dataset")
    # No name has a comma.
    return tuple(listed.split(", ")) if listed else tuple(one["name"] for one in data.get("datasets") or ())


def _fraction(data: JsonObject) -> float:
    if "percentage" in data:
        return float(data["percentage"])
    total = data.get("total_number_of_cycles") or 0
    return float(data.get("current_cycle", 0)) / total if total else 0.0
