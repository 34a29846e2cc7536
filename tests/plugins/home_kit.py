"""An application with a compute host in this process, and what tests of taking networks and tables home do with it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hanami_core.network import NetworkState
from hanami_core.testing.requests import ClientRequest, open_socket
from hanami_plugins.api_v1_0alpha.testing import NativeApp
from hanami_plugins.checkpoints.portable import prelude_of
from tests.plugins.data import message
from tests.server.harness import until

CHUNK = 1 << 17
COMPILING = 250.0
"""Seconds that the first training on a busy machine may take."""
ROWS, CLASSES = 60, 3
INPUTS = [f"x[{number}]" for number in range(4)]
TARGETS = [f"y[{number}]" for number in range(CLASSES)]
LINE = """version: 1
settings:
    blocks: 1
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    in: 1,1,1
outputs:
    out: 3,1,1
"""
DEEP = """version: 1
settings:
    blocks: 1
hexagons:
    1,1,1
    2,1,1
    3,1,1
    4,1,1
inputs:
    in: 1,1,1
outputs:
    out: 4,1,1
"""


def points() -> dict[str, list[float]]:
    """Return a table of points and their classes."""
    random = np.random.default_rng(1)
    classes = np.arange(ROWS) % CLASSES
    places = random.normal(size=(ROWS, len(INPUTS))) + 3 * np.eye(CLASSES, len(INPUTS))[classes]
    columns = np.concatenate([places, np.eye(CLASSES)[classes]], axis=1)
    return dict(zip([*INPUTS, *TARGETS], columns.T.tolist(), strict=True))


def made(state: NetworkState, version: int = 1, head: Any = None) -> bytes:
    """Return a file with right hashes of any state."""
    body = io.BytesIO()
    state.write(body)
    content = body.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    return prelude_of("made", head or state.head, version, len(content), digest) + content


class Home(NativeApp):
    """The application with a CPU in this process."""

    def __init__(self, directory: Path, **settings: object) -> None:
        super().__init__(directory, compute="cpu0", **settings)

    def ok(self, method: str, path: str, **fields: Any) -> Any:
        """Return the answer of a call that must succeed."""
        answer = self.call(method, path, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json

    def raw(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET", **fields: Any) -> Any:
        """Send a request with headers and return the result."""
        given = {"X-Auth-Token": self.token, **(headers or {})}
        return self.http.simulate_request(method, f"{self.prefix}/{path}", params=fields, headers=given)

    def send(self, uuid: str, content: bytes, first: int = 0) -> None:
        """Send a file over a websocket."""
        hello = json.dumps({"token": self.token, "target": "file_upload", "uuid": uuid}).encode()
        session = open_socket(self, ClientRequest(), hello).session
        assert session is not None
        try:
            for start in range(first, len(content), CHUNK):
                assert session.receive(message(start, content[start : start + CHUNK])) == b"\x08\x01"
        finally:
            session.close()

    def table(self, name: str, columns: Mapping[str, Sequence[float]]) -> str:
        """Upload a table and return its uuid."""
        lines = [",".join(columns), *(",".join(map(repr, row)) for row in zip(*columns.values(), strict=True))]
        content = ("\n".join(lines) + "\n").encode()
        begun = self.ok("POST", "dataset/upload/csv", name=name, input_data_size=len(content))
        self.send(begun["uuid_input_file"], content)
        files = {"uuid": begun["uuid"], "uuid_input_file": begun["uuid_input_file"]}
        self.ok("PUT", "dataset/upload/csv", **files)
        return str(begun["uuid"])

    def cluster(self, template: str, name: str = "a network") -> str:
        """Create a cluster and return its uuid."""
        text = base64.b64encode(template.encode()).decode()
        return str(self.ok("POST", "cluster", name=name, template=text)["uuid"])

    def finish(self, cluster: str, task: str) -> None:
        """Wait until a task has ended well."""

        def ended() -> bool:
            state = self.ok("GET", "task", uuid=task, cluster_uuid=cluster)
            assert state["state"] not in ("failed", "aborted"), state
            return bool(state["state"] == "finished")

        until(ended, COMPILING)

    def save(self, cluster: str, name: str = "summer") -> str:
        """Save a cluster and return the uuid of the checkpoint."""
        uuid = str(self.ok("POST", "cluster/save", name=name, cluster_uuid=cluster)["uuid"])
        self.finish(cluster, uuid)
        return uuid

    def restore(self, cluster: str, checkpoint: str) -> None:
        """Restore a cluster."""
        task = self.ok("POST", "cluster/load", cluster_uuid=cluster, checkpoint_uuid=checkpoint)["uuid"]
        self.finish(cluster, task)

    def download(self, checkpoint: str) -> bytes:
        """Return a checkpoint as a file."""
        answer = self.raw("checkpoint/file", uuid=checkpoint)
        assert answer.status_code == 200, answer.text
        return bytes(answer.content)

    def announce(self, content: bytes, name: str = "from elsewhere") -> dict[str, str]:
        """Announce a checkpoint file, send it, and return what finalises it."""
        begun = self.ok("POST", "checkpoint/upload", name=name, input_data_size=len(content))
        self.send(begun["uuid_input_file"], content)
        return {"uuid": begun["uuid"], "uuid_input_file": begun["uuid_input_file"]}

    def upload(self, content: bytes, name: str = "from elsewhere") -> str:
        """Upload a checkpoint file and return the uuid of the checkpoint."""
        answer = self.ok("PUT", "checkpoint/upload", **self.announce(content, name))
        assert "state" not in answer
        return str(answer["uuid"])

    def ask(self, cluster: str, dataset: str, column: str, width: int, rows: int) -> np.ndarray:
        """Return what a cluster answers to a column of a table."""
        body = {
            "name": "a request",
            "cluster_uuid": cluster,
            "inputs": [{"dataset_uuid": dataset, "dataset_column": column, "hexagon_name": "in"}],
            "results": [{"dataset_column": "answer", "hexagon_name": "out"}],
            "time_length": 1,
        }
        task = self.ok("POST", "task/request", **body)["uuid"]
        self.finish(cluster, task)
        content = {"uuid": task, "column_name": "answer", "row_offset": 0, "number_of_rows": rows}
        data = np.array(self.ok("GET", "dataset/content", **content)["data"], np.float32)
        assert data.shape == (rows, width)
        return data

    def train(self, cluster: str, dataset: str, column: str, target: str) -> None:
        """Train a cluster with two columns of a table."""
        body = {
            "name": "a training",
            "cluster_uuid": cluster,
            "inputs": [{"dataset_uuid": dataset, "dataset_column": column, "hexagon_name": "in"}],
            "outputs": [{"dataset_uuid": dataset, "dataset_column": target, "hexagon_name": "out"}],
            "time_length": 1,
        }
        self.finish(cluster, self.ok("POST", "task/train", **body)["uuid"])

    def trained(self, data: str, template: str, name: str) -> str:
        """Return a checkpoint of a new network that was trained with `points`."""
        cluster = self.cluster(template, name)
        self.train(cluster, data, "x", "y")
        return self.save(cluster)
