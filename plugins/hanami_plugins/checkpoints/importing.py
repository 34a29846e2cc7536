"""The task that makes a checkpoint of an uploaded file. It runs in a worker process and knows no HTTP.

The file is hostile until it is proven to be sound: its hashes first, then what it says of its network, how much memory
that takes, and at last each array by the rule set that is to run it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from hanami_core.access import Access
from hanami_core.admission import DISK, Claim
from hanami_core.compute import NetworkRules, memory, rules
from hanami_core.compute.states import check_state, version_of
from hanami_core.errors import (
    BadRequest,
    ClientError,
    Conflict,
    CorruptFile,
    InvalidFile,
    LeaseLost,
    TemplateError,
    Unprocessable,
)
from hanami_core.events import CheckpointSaved
from hanami_core.network import NetworkState, StateHead
from hanami_core.queue import ABORTED, FAILED, Job, Task, TaskKind
from hanami_core.runtime import Runtime
from hanami_core.syncing import open_steadily
from hanami_core.tensorfile import read_header
from hanami_plugins import uploads
from hanami_plugins.checkpoints.models import IMPORTING, REFUSED, UPLOADING, Arrival, Checkpoint
from hanami_plugins.checkpoints.origin import columns_of, take_over
from hanami_plugins.checkpoints.portable import MAX_HEADER, Header, copy_body, read_prelude
from hanami_plugins.uploads import Upload

READY = "ready"
"""State of what has become a checkpoint."""
RETRIES = 2
"""How often an import is tried again after it failed for a reason that lies not in the file, such as a full disk."""


class Import(msgspec.Struct, forbid_unknown_fields=True):
    """Payload: the arrival, and the uuid of its file."""

    arrival: str
    file: str


def partition_of(arrival: Arrival) -> str:
    """Return the queue of an arrival: that of its owner, so that those who upload take turns."""
    return f"checkpoints:{arrival.owner_id}"


def enqueue(runtime: Runtime, access: Access, arrival: Arrival, upload: Upload) -> str:
    """Queue the import of a complete file, in the caller's transaction, and return the task.

    Raises:
        Conflict: if somebody else has just done so.
    """
    payload = Import(arrival.uuid, upload.uuid)
    task = runtime.queue.enqueue(
        "import", partition_of(arrival), access.actor, arrival.name, payload, upload.size, action=access.action
    )
    waits = (Arrival.uuid == arrival.uuid) & Arrival.state.in_((UPLOADING, REFUSED))
    if not Arrival.update(state=IMPORTING, error="", importing=task.uuid).where(waits).execute():
        raise Conflict("checkpoint_finalised_elsewhere", uuid=arrival.uuid)
    return str(task.uuid)


def run(job: Job) -> None:
    """Make a checkpoint of a file."""
    runtime, work = job.runtime, job.payload(Import)
    upload = Upload.get(Upload.uuid == work.file)
    path = uploads.path(runtime, upload)
    with runtime.blobs.staging(job.task.uuid) as staged:
        header = _unpack(runtime, job, path, staged)
        if header is None:
            return
        seed = examine(runtime, staged, header).seed
        runtime.blobs.finalise(staged)
        with job.commit(job.task.total_cycles, final=True):
            _become_checkpoint(job, work.arrival, staged, header, seed)


def _unpack(runtime: Runtime, job: Job, path: Path, staged: Path) -> Header | None:
    """Write the stored state of a file to a staged one, and return the header; None if the task was stopped."""
    with path.open("rb") as source:
        header = read_prelude(source, path.stat().st_size).header
        runtime.reserve.require(header.size)
        with open_steadily(staged) as target:
            return header if copy_body(source, target, header, job.step) else None


def examine(runtime: Runtime, staged: Path, header: Header) -> StateHead:
    """Look whether a stored state is one that this server runs, and what its header says it is; return its head.

    Raises:
        InvalidFile: if it is not; the text says why.
    """
    try:
        with staged.open("rb") as file:
            if int.from_bytes(file.read(8), "little") > MAX_HEADER:
                raise CorruptFile("the network's header is too long")
            entries, _ = read_header(file)
            head = NetworkState.read_head(file)
            if not header.describes(head):
                raise CorruptFile("the network is not what the header says")
            found = _rules_for(runtime, head, header.rules.version)
            taken = memory.needed(found, head.template, head.inputs, head.outputs)
            # What the arrays take has been compared with the size of the file.
            size = max(taken, sum(entry.size for entry in entries.values()))
            memory.require_bytes(size, memory.limit(runtime.settings))
            check_state(found, NetworkState.read(file))
            return head
    except (CorruptFile, TemplateError) as error:
        raise InvalidFile(f"the checkpoint file holds no sound network: {error}") from error
    except Unprocessable as error:
        limit, needed = error.parameters["limit"], error.parameters["needed"]
        raise InvalidFile(f"the network of the checkpoint file would need {needed}, {limit} are allowed") from error


def _rules_for(runtime: Runtime, head: StateHead, version: int) -> NetworkRules:
    """Return the rule set of a network."""
    head.template.check()
    own = {key: found for key, found in runtime.rules.items() if key[0] == head.rules}
    if not own:
        known = ", ".join(dict.fromkeys(name for name, _ in runtime.rules)) or "none"
        raise InvalidFile(f"the checkpoint file holds a network that grows by '{head.rules}', this server has: {known}")
    reasons = []
    for (_, kind), found in own.items():
        try:
            rules.choose(own, head.template, kind)
        except BadRequest as error:
            reasons.append(str(error))
            continue
        if version <= version_of(found):
            return found
        reasons.append(f"it has version {version} of growth '{head.rules}', this server has {version_of(found)}")
    raise InvalidFile(f"this server cannot run the network of the checkpoint file: {reasons[0]}")


def _become_checkpoint(job: Job, uuid: str, staged: Path, header: Header, seed: int) -> None:
    runtime = job.runtime
    arrival = Arrival.get(Arrival.uuid == uuid)
    if arrival.importing != job.task.uuid or not arrival.mark_deleted():
        raise LeaseLost(f"checkpoint {uuid} does not wait for its import any more")
    # The stored state takes the place of the file.
    uploads.discard(runtime, uuid)
    owned = {"uuid": uuid, "owner_id": arrival.owner_id, "project_id": arrival.project_id}
    size = runtime.blobs.size_of(staged)
    runtime.admit(Claim(arrival.owner_id, arrival.project_id, DISK, size))
    found = {"seed": seed, "cycles": header.cycles, "imported": True, **columns_of(header.lineage)}
    Checkpoint.create(name=arrival.name, blob=runtime.blobs.link(staged), size=size, **found, **owned)
    take_over(uuid, header.lineage)
    runtime.emit(CheckpointSaved(actor=None, cluster_uuid="", **owned))


def ended(runtime: Runtime, task: Task) -> None:
    """Note that there will be no checkpoint: the file was refused, or may be finalised again as it is."""
    if task.state in (FAILED, ABORTED):
        refused = isinstance(task.cause, ClientError)
        waits = (Arrival.importing == task.uuid) & (Arrival.state == IMPORTING)
        Arrival.update(state=REFUSED if refused else UPLOADING, error=task.error).where(waits).execute()


KIND = TaskKind("import", run, runs_on="worker", retries=RETRIES, ended=ended)
