"""Python SDK of Hanami: neural networks as a service.

Two ways in:

* `Client` logs in, keeps its token fresh and returns typed objects::

      with hanami_sdk.Client("http://127.0.0.1:11418", "asdf", "asdfasdf") as client:
          data = client.upload_mnist("digits", "train-images.gz", "train-labels.gz")
          cluster = client.create_cluster("digits", template)
          client.train(cluster, {"picture_hex": data["picture"]}, {"label_hex": data["label"]})

* the documented functions, one module a noun, take a token and an address and return the answer as `bytes`::

      from hanami_sdk import hanami_token, cluster

      token = hanami_token.request_token(address, "asdf", "asdfasdf")
      answer = json.loads(cluster.list_clusters(token, address))

requests, websocket-client and protobuf are loaded with the first call that needs them, NumPy never.
"""

from __future__ import annotations

from typing import Any

from hanami_sdk._client import Client
from hanami_sdk._direct import DirectIO
from hanami_sdk._folder_models import Folder, FolderEntry, FolderInvitation, FolderPermission
from hanami_sdk._history import History
from hanami_sdk._machine import Machine, Measurement, Processor, ProcessorCore
from hanami_sdk._models import (
    Checkpoint,
    Cluster,
    Column,
    Dataset,
    Host,
    KeyPair,
    Membership,
    Project,
    Quota,
    Task,
    Training,
    User,
)
from hanami_sdk._results import Comparison, Prediction
from hanami_sdk._tables import Scale, csv_table
from hanami_sdk.hanami_exceptions import (
    BadRequestException,
    ConflictException,
    ConnectionFailedException,
    DirectIOException,
    HanamiException,
    InternalServerErrorException,
    NotFoundException,
    TaskFailedException,
    UnauthorizedException,
    UploadException,
    WaitTimeoutException,
)

__all__ = [
    "BadRequestException",
    "Checkpoint",
    "Client",
    "Cluster",
    "Column",
    "Comparison",
    "ConflictException",
    "ConnectionFailedException",
    "Dataset",
    "DirectIO",
    "DirectIOException",
    "Folder",
    "FolderEntry",
    "FolderInvitation",
    "FolderPermission",
    "HanamiException",
    "History",
    "Host",
    "InternalServerErrorException",
    "KeyPair",
    "Machine",
    "Measurement",
    "Membership",
    "NotFoundException",
    "Prediction",
    "Processor",
    "ProcessorCore",
    "Project",
    "Quota",
    "Scale",
    "Task",
    "TaskFailedException",
    "Training",
    "UnauthorizedException",
    "UploadException",
    "User",
    "WaitTimeoutException",
    "__version__",
    "csv_table",
]


def __getattr__(name: str) -> Any:
    """Look up the version on demand: reading the metadata of the package costs more than all else here."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("hanami")
    except PackageNotFoundError:  # used from a source tree
        return "0.1.0"
