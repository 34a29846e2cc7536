"""The plugin `metrics`, what contributes to it, and the text that tools read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hanami_core import hookimpl
from hanami_core.access import Actor
from hanami_core.metrics import SOURCES, Sample, gather
from hanami_core.plugin_host import EntryPoint
from hanami_core.storage.database import atomic
from hanami_plugins.clusters.service import Nothing
from hanami_plugins.metrics.exposition import exposition
from tests.whole import Whole

ACTOR = Actor("somebody", "Somebody", "project", "member")


def plugin(name: str, answer: Any) -> EntryPoint:
    module = ModuleType(name)
    vars(module)["hanami_metrics"] = hookimpl(answer, specname="hanami_metrics")
    return EntryPoint(name, "third", "0", lambda: module)


def broken() -> list[Sample]:
    raise ValueError("no sensor")


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    notes = plugin("notes", lambda: [Sample("notes_active", 3, help="Notes", labels={"kind": 'a "b"\\\n'})])
    with Whole(tmp_path, plugin("broken", broken), notes) as opened:
        yield opened


def test_the_text_is_what_prometheus_reads() -> None:
    samples = [
        Sample("b_total", 7, "counter", "Bees\\ and\nmore", {"hive": "x"}),
        Sample("a_bytes", 1.5),
        Sample("b_total", float("inf"), "counter", "Bees", {"hive": 'y"', "side": "left"}),
    ]
    assert exposition(samples) == (
        "# TYPE a_bytes gauge\n"
        "a_bytes 1.5\n"
        "# HELP b_total Bees\\\\ and\\nmore\n"
        "# TYPE b_total counter\n"
        'b_total{hive="x"} 7.0\n'
        'b_total{hive="y\\"",side="left"} +Inf\n'
    )
    assert exposition([]) == ""


@pytest.mark.parametrize(
    "fields", [{"name": "Bees"}, {"name": ""}, {"name": "a b"}, {"name": "a", "labels": {"x-y": ""}}]
)
def test_names_are_those_that_tools_take(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is no name for a metric or a label"):
        Sample(**{"value": 1.0} | fields)


def test_an_admin_reads_what_all_contribute_and_a_broken_one_harms_nobody(whole: Whole) -> None:
    uuid = whole.call("POST", "cluster", name="cluster").json["uuid"]
    with atomic():
        for name in ("one", "two"):
            whole.runtime.queue.enqueue("train", uuid, ACTOR, name, Nothing(), 1)
    whole.call("POST", "dataset/upload/csv", name="data", input_data_size=5)
    answer = whole.call("GET", "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert 'hanami_open_tasks{host="cpu0",state="queued"} 2.0' in lines
    assert 'hanami_datasets{state="uploading"} 1.0' in lines
    assert 'hanami_clusters{host="cpu0",mode="task"} 1.0' in lines
    assert 'hanami_host_up{host="cpu0"} 0.0' in lines
    assert 'notes_active{kind="a \\"b\\"\\\\\\n"} 3.0' in lines
    assert whole.runtime.plugins.plugins["broken"].failures == 1


def test_nobody_else_reads_them(whole: Whole) -> None:
    member = whole.member("tsugumi")
    assert whole.call("GET", "/metrics", as_token=member).status_code == 401
    assert whole.http.simulate_get("/metrics").status_code == 401


def test_an_operator_may_let_everybody_read(tmp_path: Path) -> None:
    with Whole(tmp_path, metrics__public=True) as whole:
        answer = whole.http.simulate_get("/metrics")
        assert (answer.status_code, "hanami_host_up" in answer.text) == (200, True)


def test_the_server_contributes_once_for_each_source(whole: Whole) -> None:
    assert len(whole.runtime.stash[SOURCES]) == 3
    names = [(sample.name, tuple(sample.labels.items())) for sample in gather(whole.runtime)]
    assert len(names) == len(set(names))
