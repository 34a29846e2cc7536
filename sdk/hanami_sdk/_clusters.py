"""The part of `Client` about clusters, their checkpoints, hosts and direct IO."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from hanami_sdk._direct import DirectIO, open_direct, set_mode
from hanami_sdk._html import ShownList
from hanami_sdk._http import item, rows
from hanami_sdk._models import (
    Checkpoint,
    CheckpointLike,
    Cluster,
    ClusterLike,
    Host,
    HostLike,
    Task,
    build,
)
from hanami_sdk._tasks import TaskMethods
from hanami_sdk.hanami_exceptions import ConflictException, NotFoundException


class ClusterMethods(TaskMethods):
    """Create, list, delete, save, restore and move clusters, and use them in direct mode."""

    def create_cluster(self, name: str, template: str = "", *, lease: int | None = None) -> Cluster:
        """Create a network.

        Args:
            name: name, such as `my run #1`, at most 254 bytes; taken names are refused.
            template: text of the cluster template. Without one, the first training creates a network with the names of
                its inputs and outputs.
            lease: seconds after which it is deleted if no task or direct mode uses it and nobody renews the lease
                (`lease_cluster`); None means no lease.

        Raises:
            BadRequestException: the template is invalid; the text says where.
            ConflictException: the name is taken.
        """
        encoded = base64.b64encode(template.encode()).decode()
        return build(Cluster, self.post("/cluster", {"name": name, "template": encoded, **_given(lease=lease)}))

    def clusters(self, tag: str = "") -> list[Cluster]:
        """Return all clusters that the user sees, without their sizes.

        Args:
            tag: return only those with this tag.
        """
        return ShownList(map(Cluster.from_json, rows(self._list("/cluster/all", tag))))

    def cluster(self, cluster: ClusterLike, *, before: int | None = None) -> Cluster:
        """Return a cluster with its size, its template and its trainings.

        Args:
            cluster: UUID or name, or an entry of `clusters`.
            before: number of a training; its `trainings` are the last hundred before that.

        Raises:
            NotFoundException: there is no such cluster for this user.
        """
        uuid = self._uuid("cluster", cluster)
        return Cluster.from_json(self._get_in_detail("/cluster", uuid=uuid, **_given(before=before)))

    def delete_cluster(self, cluster: ClusterLike) -> None:
        """Delete a cluster and its tasks; checkpoints stay.

        Raises:
            NotFoundException: there is no such cluster for this user.
        """
        self.delete("/cluster", uuid=self._uuid("cluster", cluster))

    def get_or_create_cluster(self, name: str, template: str = "") -> Cluster:
        """Return the cluster with a name; create it if it does not exist. An existing cluster is not changed.

        Args:
            name: name.
            template: text of the cluster template for a new one, as for `create_cluster`.

        Raises:
            BadRequestException: the template of a new one is invalid; the text says where.
            ConflictException: several clusters that the user sees have the name; the text lists their UUIDs.
        """
        try:
            return self.find_cluster(name)
        except NotFoundException:
            pass
        try:
            return self.cluster(self.create_cluster(name, template))
        except ConflictException:  # somebody else has just created it
            return self.find_cluster(name)

    def find_cluster(self, name: str) -> Cluster:
        """Return the cluster with a name.

        Raises:
            NotFoundException: no cluster that the user sees has it.
            ConflictException: several have it; the text lists their UUIDs.
        """
        return self.cluster(self._named("cluster", name))

    def label_cluster(
        self,
        cluster: ClusterLike,
        *,
        name: str | None = None,
        about: str | None = None,
        tags: Iterable[str] | None = None,
    ) -> Cluster:
        """Change the name, the description or all tags of a cluster; None leaves a value unchanged.

        Args:
            cluster: cluster, UUID or name.
            name: new name.
            about: description of up to 4096 bytes.
            tags: up to 32 tags of up to 64 bytes, with the same rules as names.

        Returns:
            The cluster as it is now.

        Raises:
            BadRequestException: no change was requested, or a value breaks a rule.
            ConflictException: the name is taken.
            NotFoundException: there is no such cluster that this user may change.
        """
        uuid = self._uuid("cluster", cluster)
        self._label("cluster", uuid, name, about, tags)
        return self.cluster(uuid)

    def set_cluster_visibility(self, cluster: ClusterLike, visibility: str) -> None:
        """Set who may see and query a cluster besides its owner.

        Args:
            cluster: cluster, UUID or name.
            visibility: `private` (only admins), `shared` (everyone in its project) or `public` (everyone).

        Raises:
            BadRequestException: there is no such visibility.
            NotFoundException: there is no such cluster that this user may change.
        """
        self.put("/cluster/visibility", {"uuid": self._uuid("cluster", cluster), "visibility": visibility})

    def lease_cluster(self, cluster: ClusterLike, seconds: int) -> None:
        """Renew the lease of a cluster: it is deleted after so many seconds without use or renewal.

        Args:
            cluster: cluster, UUID or name.
            seconds: 1 to 31536000, a year.

        Raises:
            ConflictException: it has no lease, so it stays.
            NotFoundException: there is no such cluster that this user may change.
        """
        self._lease("cluster", self._uuid("cluster", cluster), seconds)

    def keep_cluster(self, cluster: ClusterLike) -> None:
        """End the lease of a cluster: it stays until somebody deletes it.

        Args:
            cluster: cluster, UUID or name.

        Raises:
            NotFoundException: there is no such cluster that this user may change.
        """
        self._lease("cluster", self._uuid("cluster", cluster), None)

    def save(self, cluster: ClusterLike, name: str, *, timeout: float | None = None) -> Checkpoint:
        """Save the state of a cluster, after the tasks that are already queued.

        Args:
            cluster: cluster, UUID or name.
            name: name of the checkpoint.
            timeout: seconds to wait for it; None waits forever.

        Returns:
            The complete checkpoint.

        Raises:
            TaskFailedException: the state could not be stored.
            WaitTimeoutException: the timeout expired.
        """
        cluster_uuid = self._uuid("cluster", cluster)
        uuid = item(self.post("/cluster/save", {"name": name, "cluster_uuid": cluster_uuid}), "uuid")
        self.wait(Task(uuid, cluster_uuid, "queued"), timeout=timeout)
        return self.checkpoint(uuid)

    def restore(self, cluster: ClusterLike, checkpoint: CheckpointLike, *, timeout: float | None = None) -> Task:
        """Reset a cluster to the state of a checkpoint, after the tasks that are already queued.

        Args:
            cluster: cluster, UUID or name.
            checkpoint: checkpoint, UUID or name.
            timeout: seconds to wait for it; None waits forever.

        Returns:
            The task that restored it.

        Raises:
            NotFoundException: cluster or checkpoint does not exist for this user.
            TaskFailedException: the checkpoint does not fit or is damaged.
            WaitTimeoutException: the timeout expired.
        """
        cluster_uuid = self._uuid("cluster", cluster)
        body = {"cluster_uuid": cluster_uuid, "checkpoint_uuid": self._uuid("checkpoint", checkpoint)}
        uuid = item(self.post("/cluster/load", body), "uuid")
        return self.wait(Task(uuid, cluster_uuid, "queued"), timeout=timeout)

    def checkpoints(self, tag: str = "") -> list[Checkpoint]:
        """Return all checkpoints that the user sees.

        Args:
            tag: return only those with this tag.
        """
        return ShownList(map(Checkpoint.from_json, rows(self._list("/checkpoint/all", tag))))

    def checkpoint(self, checkpoint: CheckpointLike, *, before: int | None = None) -> Checkpoint:
        """Return a checkpoint with its size, its origin and its trainings.

        Args:
            checkpoint: UUID or name, or an entry of `checkpoints`.
            before: number of a training; its `trainings` are the last hundred before that.

        Raises:
            NotFoundException: there is no such checkpoint for this user.
        """
        answer = self._get_in_detail("/checkpoint", uuid=self._uuid("checkpoint", checkpoint), **_given(before=before))
        return Checkpoint.from_json(answer)

    def delete_checkpoint(self, checkpoint: CheckpointLike) -> None:
        """Delete a checkpoint.

        Raises:
            NotFoundException: there is no such checkpoint for this user.
        """
        self.delete("/checkpoint", uuid=self._uuid("checkpoint", checkpoint))

    def find_checkpoint(self, name: str) -> Checkpoint:
        """Return the checkpoint with a name.

        Raises:
            NotFoundException: no checkpoint that the user sees has it.
            ConflictException: several have it; the text lists their UUIDs.
        """
        return self.checkpoint(self._named("checkpoint", name))

    def label_checkpoint(
        self,
        checkpoint: CheckpointLike,
        *,
        name: str | None = None,
        about: str | None = None,
        tags: Iterable[str] | None = None,
    ) -> Checkpoint:
        """Change the name, the description or all tags of a checkpoint; None leaves a value unchanged.

        Args:
            checkpoint: checkpoint, UUID or name.
            name: new name.
            about: description of up to 4096 bytes.
            tags: up to 32 tags of up to 64 bytes, with the same rules as names.

        Returns:
            The checkpoint as it is now.

        Raises:
            BadRequestException: no change was requested, or a value breaks a rule.
            NotFoundException: there is no such checkpoint that this user may change.
        """
        uuid = self._uuid("checkpoint", checkpoint)
        self._label("checkpoint", uuid, name, about, tags)
        return self.checkpoint(uuid)

    def set_checkpoint_visibility(self, checkpoint: CheckpointLike, visibility: str) -> None:
        """Set who may restore a checkpoint besides its owner.

        Args:
            checkpoint: checkpoint, UUID or name.
            visibility: `private` (only admins), `shared` (everyone in its project) or `public` (everyone).

        Raises:
            BadRequestException: there is no such visibility.
            NotFoundException: there is no such checkpoint that this user may change.
        """
        self.put("/checkpoint/visibility", {"uuid": self._uuid("checkpoint", checkpoint), "visibility": visibility})

    def hosts(self) -> list[Host]:
        """Return the compute hosts of the server."""
        return ShownList(build(Host, row) for row in rows(self._get_in_detail("/host/all")))

    def switch_host(self, cluster: ClusterLike, host: HostLike) -> Cluster:
        """Move a cluster to another host.

        Args:
            cluster: cluster, UUID or name.
            host: host of `hosts`, or its UUID.

        Raises:
            NotFoundException: cluster or host does not exist.
            ConflictException: the host cannot run the rules of this cluster.
        """
        body = {
            "cluster_uuid": self._uuid("cluster", cluster),
            "host_uuid": host.uuid if isinstance(host, Host) else host,
        }
        return build(Cluster, self.put("/cluster/switch_host", body))

    def set_mode(self, cluster: ClusterLike, mode: str, *, shared: bool = False) -> None:
        """Switch a cluster between tasks and direct IO; `direct` does so automatically.

        Direct mode ends automatically some time after the last client has left.

        Args:
            cluster: cluster, UUID or name.
            mode: `TASK` or `DIRECT`.
            shared: share the cluster with others: it may already be in direct mode, and stays in it as long as a client
                is connected. Otherwise `TASK` disconnects everybody.

        Raises:
            ConflictException: tasks are queued or running, or it is in direct mode; the text says who uses it since
                when, and what you can do.
        """
        set_mode(self, self._uuid("cluster", cluster), mode, shared)

    @contextmanager
    def direct(self, cluster: ClusterLike) -> Iterator[DirectIO]:
        """Use a cluster over a websocket; tasks wait until the end of the block.

        Several clients can use a cluster at the same time. It runs its tasks again when all have left.

        Example::

            with client.direct(cluster) as live:
                live.train({"picture_hex": pixels}, {"label_hex": expected})
                answer = live.request({"picture_hex": pixels})

        Args:
            cluster: cluster, UUID or name.

        Raises:
            ConflictException: tasks are queued or running; the text names the first one.
            ConnectionFailedException: no websocket could be opened.
        """
        uuid = self._uuid("cluster", cluster)
        socket = open_direct(self, uuid, shared=True)
        try:
            yield DirectIO(socket)
        except BaseException:
            socket.close()
            with suppress(Exception):  # the error of the block is what the user must see
                set_mode(self, uuid, "TASK", True)
            raise
        socket.close()
        set_mode(self, uuid, "TASK", True)


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
