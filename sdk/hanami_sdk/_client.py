"""The `Client`: one login, all that the server can do."""

from __future__ import annotations

from hanami_sdk._accounts import AccountMethods
from hanami_sdk._checkpoints import CheckpointMethods
from hanami_sdk._folder_sharing import FolderSharingMethods
from hanami_sdk._keypairs import KeyPairMethods
from hanami_sdk._machine import MachineMethods
from hanami_sdk._predictions import PredictionMethods


class Client(
    PredictionMethods, CheckpointMethods, FolderSharingMethods, AccountMethods, KeyPairMethods, MachineMethods
):
    """A server and a user.

    It logs in with the first call and renews its token before it expires, or when the server refuses it. It may be used
    from several threads. Methods take objects such as `Cluster`, or their UUIDs. Datasets, clusters, checkpoints
    and folders may also be given by name, as long as the user sees only one with that name: a name costs one more
    request.

    Args:
        address: `http://HOST:PORT` or `https://HOST:PORT`.
        user: id of the user.
        passphrase: secret of the user.
        verify: check the certificate of an https address; a path names a file of trusted certificates.
        project: id of the project to work in; None takes the one that the server gives with a login.
        timeout: seconds to wait for a connection and for each part of an answer.
        retry: seconds to keep trying when a connection breaks, with growing pauses; 0 gives up immediately. Only
            harmless calls are repeated: reads, missing parts of an upload, and calls that create something, which the
            server executes once, however often it receives them (servers of OpenHanami do not).

    Raises:
        ValueError: the address is not an http address, or a number of seconds is too small.

    All methods raise a `HanamiException`: `ConnectionFailedException` if there is no answer, `UnauthorizedException` if
    the login is wrong or the user may not do it, and those that they document. An unknown name raises a
    `NotFoundException` that lists the existing names; an ambiguous one raises a `ConflictException` with the UUIDs.

    Example::

        with Client("http://127.0.0.1:11418", "asdf", "asdfasdf") as client:
            for dataset in client.datasets():
                print(dataset.uuid, dataset.name)
    """
