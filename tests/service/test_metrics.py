"""Metrics of a real server with several workers, read as a tool reads them."""

from __future__ import annotations

import os
import signal
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hanami_sdk import Client
from tests.local import LocalServer
from tests.server.harness import descendants, until
from tests.service.test_decoding import child
from tests.service.wire import Wire

SECRET = "a secret that nobody guesses"


class Scraper:
    """Reads the page of a server, with the secret that it was given."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server

    def values(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        request = urllib.request.Request(
            f"{self._server.address}/metrics", headers={"Authorization": f"Bearer {SECRET}"}
        )
        with urllib.request.urlopen(request, timeout=10.0) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}

    def value(self, name: str, **labels: str) -> float | None:
        return self.values().get((name, frozenset(labels.items())))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    settings = {"metrics.token": SECRET, "http.workers": 2}
    with LocalServer(tmp_path_factory.mktemp("metrics") / "data", settings=settings) as running:
        yield running


@pytest.fixture
def scraper(server: LocalServer) -> Scraper:
    return Scraper(server)


def test_the_processes_of_a_server_are_shown(server: LocalServer, scraper: Scraper) -> None:
    found = scraper.values()
    for process in ("api", "worker", "sidecar cpu0"):
        assert found["hanami_process_resident_bytes", frozenset({("process", process)})] > 1_000_000
    host = {("host", "cpu0")}
    assert found["hanami_host_up", frozenset(host)] == 1
    assert found["hanami_open_sockets", frozenset(host)] == 0
    assert found["hanami_running_tasks", frozenset(host)] == 0
    assert until(lambda: scraper.value("hanami_loop_delay_seconds_count", host="cpu0"))
    for process in ("api", "worker", "sidecar cpu0"):
        assert found["hanami_plugin_works", frozenset({("plugin", "clusters"), ("process", process)})] == 1


def test_networks_in_memory_are_shown(server: LocalServer, scraper: Scraper) -> None:
    assert scraper.value("hanami_live_networks", host="cpu0", state="resting") == 0
    with Client(server.address, server.user, server.passphrase) as client:
        cluster = client.create_cluster("some network")
        data = client.upload_csv("some table", b"a,b\n1,0\n2,1\n")
        client.train(cluster, {"in": data["a"]}, {"out": data["b"]})
        networks = [scraper.value("hanami_live_networks", host="cpu0", state=state) for state in ("resting", "working")]
        assert sum(filter(None, networks)) == 1
        assert scraper.value("hanami_clusters", host="cpu0", mode="task") == 1
        finished = scraper.value("hanami_ended_tasks_total", state="finished")
        client.delete_cluster(cluster)
    assert finished == 2


def test_requests_of_all_workers_count_also_of_those_that_died(server: LocalServer, scraper: Scraper) -> None:
    def logins() -> float:
        return scraper.value("hanami_requests_total", api="native", action="tokens.create", status="200") or 0

    def log_in(times: int) -> None:
        for _ in range(times):
            Wire(server.address).login(server.user, server.passphrase)

    log_in(8)
    before = logins()
    assert before >= 8
    workers = descendants(child(server, "api"))
    assert len(workers) == 2
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    until(lambda: len(descendants(child(server, "api")) - workers) == 2)
    log_in(4)
    assert logins() == before + 4
    assert len(list((server.data_dir / "run" / "requests").iterdir())) == 2
