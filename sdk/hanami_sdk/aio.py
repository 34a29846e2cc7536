"""The client for programs with an event loop: the same methods, as coroutines.

Example::

    from hanami_sdk.aio import AsyncClient

    async with AsyncClient("http://127.0.0.1:11418", "asdf", "asdfasdf") as client:
        data = await client.upload_mnist("digits", "train-images.gz", "train-labels.gz")
        cluster = await client.create_cluster("digits", template)
        await client.train(cluster, {"picture_hex": data["picture"]}, {"label_hex": data["label"]})
        async with client.direct(cluster) as live:
            answer = await live.request({"picture_hex": pixels})

Each call runs in a thread, so the loop goes on. A call that is cancelled is not undone: its thread goes on to the end,
only nobody waits for it. Waiting for tasks takes no thread, and ends when it is cancelled.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from hanami_sdk._client import Client
from hanami_sdk._direct import DirectIO
from hanami_sdk._json import Json
from hanami_sdk._messages import Values
from hanami_sdk._models import ClusterLike, Dataset, Task
from hanami_sdk._predictions import Validation
from hanami_sdk._retry import DEFAULT_SECONDS
from hanami_sdk._tasks import ClassWeight, Columns, Results, SampleWeight, Watch
from hanami_sdk._upload import Progress
from hanami_sdk._waiting import pauses

__all__ = ["AsyncClient", "AsyncDirectIO"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _coroutine(
    method: Callable[Concatenate[Client, _P], _R],
) -> Callable[Concatenate[AsyncClient, _P], Coroutine[Any, Any, _R]]:
    """Return a method of the client as a coroutine with the same parameters and the same documentation."""

    @functools.wraps(method)
    async def call(self: AsyncClient, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return await asyncio.to_thread(method, self.client, *args, **kwargs)

    return call


class AsyncDirectIO:
    """A cluster in direct mode; `AsyncClient.direct` gives one. Messages of several coroutines take turns."""

    def __init__(self, direct: DirectIO) -> None:
        self._direct = direct

    async def train(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        """Train the network with one sample; arguments and errors are those of `DirectIO.train`."""
        await asyncio.to_thread(self._direct.train, inputs, outputs)

    async def request(self, inputs: Mapping[str, Values]) -> list[float]:
        """Ask the network; arguments, result and errors are those of `DirectIO.request`."""
        return await asyncio.to_thread(self._direct.request, inputs)

    async def flush(self) -> None:
        """Return when all that was trained is stored; errors are those of `DirectIO.flush`."""
        await asyncio.to_thread(self._direct.flush)


class AsyncClient:
    """A server and a user, for coroutines.

    Args:
        address: `http://HOST:PORT` or `https://HOST:PORT`.
        user: id of the user.
        passphrase: secret of the user.
        verify: check the certificate of an https address; a path names a file of trusted certificates.
        project: id of the project to work in; None takes the one that the server gives with a login.
        timeout: seconds to wait for a connection and for each part of an answer.
        retry: seconds to keep trying when a connection breaks.

    Attributes:
        client: the `Client` that does the work.

    Raises:
        ValueError: the address is not an http address, or a number of seconds is too small.
    """

    def __init__(
        self,
        address: str,
        user: str,
        passphrase: str,
        *,
        verify: bool | str = True,
        project: str | None = None,
        timeout: float = 60.0,
        retry: float = DEFAULT_SECONDS,
    ) -> None:
        self.client = Client(address, user, passphrase, verify=verify, project=project, timeout=timeout, retry=retry)

    @classmethod
    def from_environment(cls, **options: Any) -> Self:
        """Read missing arguments from the environment, as `Client.from_environment` does."""
        made = cls.__new__(cls)
        made.client = Client.from_environment(**options)
        return made

    def __repr__(self) -> str:
        """Return address and user."""
        return repr(self.client).replace("<Client", f"<{type(self).__name__}", 1)

    async def __aenter__(self) -> Self:
        """Return the object itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self.close()

    async def get(self, path: str, /, **query: object) -> Json:
        """Send a GET request; arguments and result are those of `Client.get`."""
        return await asyncio.to_thread(self.client.get, path, **query)

    async def delete(self, path: str, /, **query: object) -> Json:
        """Send a DELETE request; arguments and result are those of `Client.get`."""
        return await asyncio.to_thread(self.client.delete, path, **query)

    async def rows(self, path: str, page: int = 1000, **query: object) -> AsyncIterator[dict[str, Any]]:
        """Yield the rows of a list, page by page; arguments and rows are those of `Client.rows`."""
        found = self.client.rows(path, page, **query)
        while (row := await asyncio.to_thread(next, found, None)) is not None:
            yield row

    async def train(
        self,
        cluster: ClusterLike,
        inputs: Columns,
        outputs: Columns,
        *,
        name: str | None = None,
        time_length: int = 1,
        equal_rows: bool = True,
        epochs: int = 1,
        shuffle: bool = True,
        seed: int | None = None,
        validation: float | Dataset | str | None = None,
        early_stopping: int | None = None,
        class_weight: ClassWeight | None = None,
        sample_weight: SampleWeight | None = None,
        wait: bool = True,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> Task:
        """Train a cluster; arguments, result and errors are those of `Client.train`."""
        how: dict[str, Any] = {"name": name, "time_length": time_length, "equal_rows": equal_rows}
        how |= {"epochs": epochs, "shuffle": shuffle, "seed": seed}
        how |= {"validation": validation, "early_stopping": early_stopping}
        how |= {"class_weight": class_weight, "sample_weight": sample_weight}
        call = functools.partial(self.client.train, **how, wait=False)
        task = await asyncio.to_thread(call, cluster, inputs, outputs)
        return await self.wait(task, progress, timeout) if wait else task

    async def fit(
        self,
        cluster: ClusterLike,
        inputs: object,
        outputs: Any,
        *,
        classes: Sequence[object] | None = None,
        validation: Validation | None = None,
        class_weight: ClassWeight | None = None,
        sample_weight: Any = None,
        name: str = "fit",
        wait: bool = True,
        progress: Progress | None = None,
        timeout: float | None = None,
        **training: Any,
    ) -> Task:
        """Train a cluster with rows of this program; arguments, result and errors are those of `Client.fit`."""
        how: dict[str, Any] = {"classes": classes, "validation": validation, "class_weight": class_weight}
        how |= {"sample_weight": sample_weight, "name": name}
        call = functools.partial(self.client.fit, **how, wait=False, **training)
        task = await asyncio.to_thread(call, cluster, inputs, outputs)
        return await self.wait(task, progress, timeout) if wait else task

    async def request(
        self,
        cluster: ClusterLike,
        inputs: Columns,
        results: Results,
        *,
        name: str | None = None,
        time_length: int = 1,
        wait: bool = True,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> Task:
        """Ask a cluster; arguments, result and errors are those of `Client.request`."""
        call = functools.partial(self.client.request, name=name, time_length=time_length, wait=False)
        task = await asyncio.to_thread(call, cluster, inputs, results)
        return await self.wait(task, progress, timeout) if wait else task

    async def wait(self, task: Task, progress: Progress | None = None, timeout: float | None = None) -> Task:
        """Wait for the end of a task; arguments, result and errors are those of `Client.wait`."""
        watch = Watch(task, progress)
        for pause in pauses(timeout, watch.title):
            if watch.see(await self.task(task)):
                break
            await asyncio.sleep(pause)
        return watch.result()

    @asynccontextmanager
    async def direct(self, cluster: ClusterLike) -> AsyncIterator[AsyncDirectIO]:
        """Use a cluster over a websocket; tasks wait until the end of the block. Errors as for `Client.direct`."""
        manager = self.client.direct(cluster)
        direct = await _entered(manager)
        try:
            yield AsyncDirectIO(direct)
        except BaseException as error:
            await asyncio.to_thread(manager.__exit__, type(error), error, error.__traceback__)
            raise
        await asyncio.to_thread(manager.__exit__, None, None, None)

    login = _coroutine(Client.login)
    close = _coroutine(Client.close)
    switch_project = _coroutine(Client.switch_project)
    post = _coroutine(Client.post)
    put = _coroutine(Client.put)
    put_bytes = _coroutine(Client.put_bytes)

    upload = _coroutine(Client.upload)
    upload_mnist = _coroutine(Client.upload_mnist)
    upload_csv = _coroutine(Client.upload_csv)
    datasets = _coroutine(Client.datasets)
    dataset = _coroutine(Client.dataset)
    delete_dataset = _coroutine(Client.delete_dataset)
    download_dataset = _coroutine(Client.download_dataset)
    dataset_content = _coroutine(Client.dataset_content)
    check = _coroutine(Client.check)
    compare = _coroutine(Client.compare)

    create_cluster = _coroutine(Client.create_cluster)
    clusters = _coroutine(Client.clusters)
    cluster = _coroutine(Client.cluster)
    delete_cluster = _coroutine(Client.delete_cluster)
    history = _coroutine(Client.history)
    predict = _coroutine(Client.predict)
    save = _coroutine(Client.save)
    restore = _coroutine(Client.restore)
    checkpoints = _coroutine(Client.checkpoints)
    checkpoint = _coroutine(Client.checkpoint)
    download_checkpoint = _coroutine(Client.download_checkpoint)
    export = _coroutine(Client.export)
    upload_checkpoint = _coroutine(Client.upload_checkpoint)
    delete_checkpoint = _coroutine(Client.delete_checkpoint)
    hosts = _coroutine(Client.hosts)
    find_checkpoint = _coroutine(Client.find_checkpoint)
    label_checkpoint = _coroutine(Client.label_checkpoint)
    set_checkpoint_visibility = _coroutine(Client.set_checkpoint_visibility)
    get_or_create_dataset = _coroutine(Client.get_or_create_dataset)
    get_or_create_cluster = _coroutine(Client.get_or_create_cluster)
    find_cluster = _coroutine(Client.find_cluster)
    label_cluster = _coroutine(Client.label_cluster)
    set_cluster_visibility = _coroutine(Client.set_cluster_visibility)
    keep_cluster = _coroutine(Client.keep_cluster)
    keep_dataset = _coroutine(Client.keep_dataset)
    lease_cluster = _coroutine(Client.lease_cluster)
    lease_dataset = _coroutine(Client.lease_dataset)
    find_dataset = _coroutine(Client.find_dataset)
    label_dataset = _coroutine(Client.label_dataset)
    set_dataset_visibility = _coroutine(Client.set_dataset_visibility)
    switch_host = _coroutine(Client.switch_host)
    set_mode = _coroutine(Client.set_mode)

    task = _coroutine(Client.task)
    tasks = _coroutine(Client.tasks)
    delete_task = _coroutine(Client.delete_task)

    create_folder = _coroutine(Client.create_folder)
    folders = _coroutine(Client.folders)
    folder = _coroutine(Client.folder)
    delete_folder = _coroutine(Client.delete_folder)
    folder_files = _coroutine(Client.folder_files)
    upload_file = _coroutine(Client.upload_file)
    download_file = _coroutine(Client.download_file)
    delete_file = _coroutine(Client.delete_file)
    make_directory = _coroutine(Client.make_directory)
    rename_file = _coroutine(Client.rename_file)
    move_file = _coroutine(Client.move_file)
    rename_folder = _coroutine(Client.rename_folder)
    set_folder_options = _coroutine(Client.set_folder_options)
    invite_to_folder = _coroutine(Client.invite_to_folder)
    folder_invitations = _coroutine(Client.folder_invitations)
    accept_invitation = _coroutine(Client.accept_invitation)
    decline_invitation = _coroutine(Client.decline_invitation)
    share_folder = _coroutine(Client.share_folder)
    unshare_folder = _coroutine(Client.unshare_folder)
    folder_permissions = _coroutine(Client.folder_permissions)
    leave_folder = _coroutine(Client.leave_folder)
    clone_folder = _coroutine(Client.clone_folder)

    create_user = _coroutine(Client.create_user)
    users = _coroutine(Client.users)
    user = _coroutine(Client.user)
    delete_user = _coroutine(Client.delete_user)
    change_passphrase = _coroutine(Client.change_passphrase)
    create_project = _coroutine(Client.create_project)
    projects = _coroutine(Client.projects)
    project = _coroutine(Client.project)
    delete_project = _coroutine(Client.delete_project)
    quotas = _coroutine(Client.quotas)
    set_quota = _coroutine(Client.set_quota)
    reset_quotas = _coroutine(Client.reset_quotas)
    create_keypair = _coroutine(Client.create_keypair)
    keypairs = _coroutine(Client.keypairs)
    keypair = _coroutine(Client.keypair)
    delete_keypair = _coroutine(Client.delete_keypair)
    activate_keypair = _coroutine(Client.activate_keypair)
    deactivate_keypair = _coroutine(Client.deactivate_keypair)
    add_to_project = _coroutine(Client.add_to_project)
    remove_from_project = _coroutine(Client.remove_from_project)
    identity = _coroutine(Client.identity)
    whoami = _coroutine(Client.whoami)
    context = _coroutine(Client.context)
    may_call = _coroutine(Client.may_call)
    memberships = _coroutine(Client.memberships)
    audit_log = _coroutine(Client.audit_log)
    error_log = _coroutine(Client.error_log)

    power_consumption = _coroutine(Client.power_consumption)
    temperature = _coroutine(Client.temperature)
    speed = _coroutine(Client.speed)
    system_info = _coroutine(Client.system_info)
    threading = _coroutine(Client.threading)


async def _entered(manager: AbstractContextManager[_R]) -> _R:
    """Enter in a thread. If this is cancelled, leave again what the thread enters: the cluster must not stay direct."""
    entering = asyncio.ensure_future(asyncio.to_thread(manager.__enter__))
    try:
        return await asyncio.shield(entering)
    except asyncio.CancelledError:
        await asyncio.wait([entering])
        if entering.exception() is None:
            await asyncio.to_thread(manager.__exit__, None, None, None)
        raise
