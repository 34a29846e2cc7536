"""What a prediction over HTTP costs: one row from one client, many clients, and hundreds of rows as JSON and as bytes.

The measures of that are a bare Falcon application under plain gunicorn with the same number of threads, which says
hello, reads the same rows and answers some of them, or lets another process answer, and the kernel without a server,
all on the same machine in the same run. A network this small answers hundreds of rows in a fraction of the time that
their values take to any process over HTTP, so batches are measured against a bare endpoint and the kernel together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import requests

from hanami_core.compute import Columns, Rows, Run
from hanami_sdk import Client, hanami_token
from hanami_server.demo import digits
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer
from tests.bench import hop
from tests.bench.engine import CLASSES, PIXELS, new_network, read_idx, seconds
from tests.bench.rest import FLAGS, REPEATS, hello, measure

__all__ = ["run"]

BATCH, SINGLES = 100, 300
BATCHES = BATCH, 1000
"""Rows that are sent as bytes; of few rows, the way to the server takes longer than the kernel."""


def run(directory: Path) -> dict[str, Any]:
    """Measure with the MNIST files of a directory."""
    files, pictures = digits.find(directory), read_idx(directory, "t10k-images-idx3-ubyte", 16)
    all_rows = pictures[: max(BATCHES) * PIXELS].reshape(-1, PIXELS)
    rows = all_rows[:BATCH]
    with (
        TemporaryDirectory() as base,
        LocalServer(Path(base) / "data", *FLAGS) as server,
        hop.running(Path(base)) as place_of_hop,
        hello(place_of_hop) as bare,
    ):
        with Client(server.address, server.user, server.passphrase) as client:
            data = client.upload_mnist("digits", files.train_images, files.train_labels)
            cluster = client.create_cluster("digits", TEMPLATE)
            client.train(cluster, {"picture_hex": data["picture"]}, {"label_hex": data["label"]})
            single, batch = rows[:1].tolist(), rows.tolist()
            one = median(seconds(lambda: client.predict(cluster, single)) for _ in range(SINGLES))
            many = median(seconds(lambda: client.predict(cluster, batch)) for _ in range(SINGLES // 10))
        place = urlsplit(server.address)
        address = (str(place.hostname), int(place.port or 0))
        token = hanami_token.request_token(server.address, server.user, server.passphrase)
        in_bytes = {count: send_bytes(server.address, token, cluster.uuid, all_rows[:count]) for count in BATCHES}
        bytes_only = {
            count: send(f"http://{bare[0]}:{bare[1]}/bytes", values_of(all_rows[:count])) for count in BATCHES
        }
        body = json.dumps({"uuid": cluster.uuid, "inputs": single}, separators=(",", ":"))
        head = f"POST /v1.0alpha/cluster/predict HTTP/1.1\r\nX-Auth-Token: {token}\r\nContent-Length: {len(body)}"
        found = [measure(address, head, server.processor_seconds, body) for _ in range(REPEATS)]
        hellos = [measure(bare, "GET / HTTP/1.1", lambda: 0.0) for _ in range(REPEATS)]
        head = "POST {} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: " + str(len(body))
        echoes = [measure(bare, head.format("/rows"), lambda: 0.0, body) for _ in range(REPEATS)]
        hops = [measure(bare, head.format("/hop"), lambda: 0.0, body) for _ in range(REPEATS)]
    runs = found, hellos, echoes, hops
    alone = {count: kernel(all_rows[:count]) for count in BATCHES}
    best, fastest, echo, hopped = (max(each, key=lambda one: one["requests_per_second"]) for each in runs)
    return {
        "predict_row_ms_p50": 1e3 * one,
        "predict_requests_per_second": best["requests_per_second"],
        "predict_by_hello": best["requests_per_second"] / fastest["requests_per_second"],
        "predict_by_echo": best["requests_per_second"] / echo["requests_per_second"],
        "predict_by_hop": best["requests_per_second"] / hopped["requests_per_second"],
        "predict_processor_ms": best["processor_ms"],
        "predict_batch_ms_p50": 1e3 * many,
        "predict_batch_by_kernel": many / alone[BATCH],
        "predict_bytes_ms_p50": 1e3 * in_bytes[BATCH],
    } | {
        f"predict_{count}_in_bytes_by_{measure}": in_bytes[count] / (alone[count] + also)
        for count in BATCHES
        for measure, also in (("kernel", 0.0), ("bare_and_kernel", bytes_only[count]))
    }


def send_bytes(address: str, token: str, cluster: str, rows: Any) -> float:
    """Return the seconds of a prediction whose rows and answers are bytes, by the Open Inference Protocol."""
    values = values_of(rows)
    tensor = {"name": "picture_hex", "datatype": "FP32", "shape": rows.shape}
    asked = {
        "inputs": [tensor | {"parameters": {"binary_data_size": len(values)}}],
        "parameters": {"binary_data_output": True},
    }
    text = json.dumps(asked).encode()
    headers = {"X-Auth-Token": token, "Inference-Header-Content-Length": str(len(text))}
    return send(f"{address}/v2/models/{cluster}/infer", text + values, headers)


def values_of(rows: Any) -> bytes:
    """Return rows as they are sent."""
    return bytes(rows.astype(np.float32).tobytes())


def send(url: str, body: bytes, headers: Mapping[str, str] | None = None) -> float:
    """Return the seconds that a body and its answer take."""
    with requests.Session() as session:
        return median(seconds(lambda: session.post(url, body, headers=headers).raise_for_status()) for _ in range(100))


def kernel(rows: Any) -> float:
    """Return the seconds that a network needs for the rows without a server."""
    from hanami_core.testing.hosts import host_context
    from hanami_plugins.host_numba.host import CpuHost

    with TemporaryDirectory() as cache:
        host = CpuHost("cpu0", 1)
        host.start(host_context(Path(cache)))
        network = new_network(host)
        labels = np.eye(CLASSES, dtype=np.float32)[np.arange(len(rows)) % CLASSES]
        network.train(Rows((Columns("in", rows),), (Columns("out", labels),)), Run(lambda _: True))
        results = {"out": np.zeros((len(rows), CLASSES), np.float32)}
        values = rows.astype(np.float32)
        asked = Rows((Columns("in", values),))
        times = []
        for _ in range(SINGLES):
            begin = perf_counter()
            network.request(asked, results, Run(lambda _: True))
            times.append(perf_counter() - begin)
        return median(times)
