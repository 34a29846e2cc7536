"""What the demonstration does: upload, train, predict, show, stream; all through the public SDK."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from hanami_sdk import Client, Cluster, Dataset
from hanami_server.demo.digits import Digits

TEMPLATE = """version: 1
settings:
    max_connection_distance: 1
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    picture_hex: 1,1,1
outputs:
    label_hex: 3,1,1
"""
WIDE_TEMPLATE = TEMPLATE.replace("settings:\n", "settings:\n    blocks: 8\n")
"""For few digits: more hidden neurons cost little there and give a higher accuracy."""
DIRECT_ROUNDS = 300

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass
class DemoResult:
    """What was measured. `accuracy` is in percent, times are in seconds or milliseconds as named."""

    accuracy: float = 0.0
    train_seconds: float = 0.0
    request_seconds: float = 0.0
    direct_io_ms_p50: float = 0.0
    direct_io_ms_p99: float = 0.0
    upload_seconds: float = 0.0
    samples: list[tuple[list[float], int, int]] = field(default_factory=list)
    """Pictures with the right digit and the network's answer."""


def run(
    client: Client, digits: Digits, epochs: int, progress: Progress, template: str = TEMPLATE, shown: int = 4
) -> DemoResult:
    """Play the whole scenario once and return what was measured."""
    result = DemoResult()
    begin = time.perf_counter()
    train = _upload(client, "demo train", digits.train_images, digits.train_labels, progress)
    test = _upload(client, "demo test", digits.test_images, digits.test_labels, progress)
    result.upload_seconds = time.perf_counter() - begin
    _prepare(client, template, test, progress)
    cluster = client.create_cluster("demo", template)
    result.train_seconds = sum(_train(client, cluster, train, epoch, epochs, progress) for epoch in range(epochs))
    _ask(client, cluster, test, result, shown)
    _talk(client, cluster, test, result, progress)
    return result


def _upload(client: Client, name: str, images: object, labels: object, progress: Progress) -> Dataset:
    return client.upload_mnist(name, images, labels, lambda done, total: progress(f"upload {name}", done, total))  # type: ignore[arg-type]


def _prepare(client: Client, template: str, dataset: Dataset, progress: Progress) -> None:
    """Wait for what a host prepares on the first start on a machine, so that it does not count as training."""
    if all(host.state == "ready" for host in client.hosts()):
        return
    progress("prepare, once", 0, 1)
    cluster = client.create_cluster("demo warm-up", template)
    client.train(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]})
    client.delete_cluster(cluster)
    progress("prepare, once", 1, 1)


def _train(client: Client, cluster: Cluster, train: Dataset, epoch: int, epochs: int, progress: Progress) -> float:
    title = "train" if epochs == 1 else f"train {epoch + 1}/{epochs}"
    begin = time.perf_counter()
    client.train(
        cluster,
        {"picture_hex": train["picture"]},
        {"label_hex": train["label"]},
        progress=lambda done, total: progress(title, done, total),
    )
    return time.perf_counter() - begin


def _ask(client: Client, cluster: Cluster, test: Dataset, result: DemoResult, shown: int) -> None:
    begin = time.perf_counter()
    answers = client.request(cluster, {"picture_hex": test["picture"]}, {"label_hex": "answer"})
    result.request_seconds = time.perf_counter() - begin
    result.accuracy = client.check(answers.uuid, test)
    if shown:
        pictures = client.dataset_content(test, "picture", shown)
        labels = client.dataset_content(test, "label", shown)
        given = client.dataset_content(answers.uuid, "answer", shown)
        result.samples = [
            (picture, _largest(label), _largest(answer))
            for picture, label, answer in zip(pictures, labels, given, strict=True)
        ]


def _talk(client: Client, cluster: Cluster, test: Dataset, result: DemoResult, progress: Progress) -> None:
    picture = client.dataset_content(test, "picture", 1)[0]
    times = []
    with client.direct(cluster) as direct:
        for number in range(DIRECT_ROUNDS):
            begin = time.perf_counter()
            direct.request({"picture_hex": picture})
            times.append((time.perf_counter() - begin) * 1000)
            if number % 50 == 49:
                progress("direct IO", number + 1, DIRECT_ROUNDS)
    result.direct_io_ms_p50 = median(times)
    result.direct_io_ms_p99 = sorted(times)[int(len(times) * 0.99)]


def _largest(values: list[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)
