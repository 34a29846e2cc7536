"""The plugin `metrics`: what contributes to it, who may read it, and the text that tools read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hanami_core import hookimpl
from hanami_core.access import Actor
from hanami_core.metrics import SOURCES, Distribution, Histogram, Metric, Sample, gather
from hanami_core.plugin_host import EntryPoint, PluginState
from hanami_core.storage.database import atomic
from hanami_plugins.clusters.service import Nothing
from hanami_plugins.metrics.exposition import exposition
from hanami_server.testing import client
from tests.whole import Whole

ACTOR = Actor("somebody", "Somebody", "project", "member")
SECRET = "a secret that nobody guesses"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


def plugin(name: str, answer: Callable[..., Any]) -> EntryPoint:
    module = ModuleType(name)
    vars(module)["hanami_metrics"] = hookimpl(answer, specname="hanami_metrics")
    return EntryPoint(name, "third", "0", lambda: module)


def broken() -> Iterator[Metric]:
    yield Sample("broken_pieces", 1)
    raise ValueError("no sensor")


def notes() -> list[Metric]:
    labels = {"kind": 'a "b"\\\n'}
    lengths = Distribution((1, 10))
    for length in (1, 2, 3, 100):
        lengths.add(length)
    return [Sample("notes_active", 3, help="Notes", labels=labels), lengths.histogram("notes_length", "Lengths")]


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path, plugin("broken", broken), plugin("notes", notes), metrics__token=SECRET) as opened:
        yield opened


def page(whole: Whole) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return the page as a reader of the format understands it: values by name and labels."""
    answer = whole.call("GET", "/metrics")
    assert answer.status_code == 200, answer.text
    samples = [s for family in text_string_to_metric_families(answer.text) for s in family.samples]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def value(whole: Whole, name: str, **labels: str) -> float | None:
    return page(whole).get((name, frozenset(labels.items())))


# -- format -----------------------------------------------------------------------------------------------------------


def test_the_text_is_what_prometheus_reads() -> None:
    metrics = [
        Sample("b_total", 7, "counter", "Bees\\ and\nmore", {"hive": "x"}),
        Sample("a_bytes", 1.5),
        Sample("b_total", float("inf"), "counter", "Bees", {"side": "left", "hive": 'y"'}),
        Histogram("c_seconds", (0.5, 1), (2, 0, 1), 4.25, "Waits", {"hive": "x"}),
    ]
    text = exposition(metrics, "*/*")
    assert text.content_type == PLAIN
    assert text.body.decode() == (
        "# HELP a_bytes \n"
        "# TYPE a_bytes gauge\n"
        "a_bytes 1.5\n"
        "# HELP b_total Bees\\\\ and\\nmore\n"
        "# TYPE b_total counter\n"
        'b_total{hive="x"} 7.0\n'
        'b_total{hive="y\\"",side="left"} +Inf\n'
        "# HELP c_seconds Waits\n"
        "# TYPE c_seconds histogram\n"
        'c_seconds_bucket{hive="x",le="0.5"} 2.0\n'
        'c_seconds_bucket{hive="x",le="1.0"} 2.0\n'
        'c_seconds_bucket{hive="x",le="+Inf"} 3.0\n'
        'c_seconds_count{hive="x"} 3.0\n'
        'c_seconds_sum{hive="x"} 4.25\n'
    )
    assert exposition([], "*/*").body == b""


def test_openmetrics_is_written_for_who_asks_for_it(whole: Whole) -> None:
    headers = {"X-Auth-Token": whole.token, "Accept": "application/openmetrics-text; version=1.0.0"}
    answer = whole.http.simulate_get("/metrics", headers=headers)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


SAMPLE = {"name": "a", "value": 1.0}
HISTOGRAM = {"name": "a", "bounds": (1.0,), "counts": (1, 0), "sum": 1.0}


@pytest.mark.parametrize(
    ("kind", "fields", "error"),
    [
        (Sample, {"name": "Bees"}, "is not a valid name of a metric or a label"),
        (Sample, {"name": ""}, "is not a valid name of a metric or a label"),
        (Sample, {"name": "a b"}, "is not a valid name of a metric or a label"),
        (Sample, {"labels": {"x-y": ""}}, "is not a valid name of a metric or a label"),
        (Sample, {"labels": {"x": 3}}, "must be texts, not 3"),
        (Sample, {"labels": {"x": "\ud800"}}, "surrogates not allowed"),
        (Sample, {"help": None}, "must be texts, not None"),
        (Sample, {"value": "many"}, "'many' is not a number"),
        (Sample, {"name": "a_total"}, "names of counters end with _total, and no others"),
        (Sample, {"kind": "counter"}, "names of counters end with _total, and no others"),
        (Histogram, {"name": "a_total"}, "for counters"),
        (Histogram, {"labels": {"le": "1"}}, "the label le for bounds"),
        (Histogram, {"bounds": (2.0, 1.0), "counts": (1, 1, 1)}, "bounds must ascend"),
        (Histogram, {"counts": (1,)}, "one count more than bounds"),
        (Histogram, {"sum": "much"}, "must be numbers"),
    ],
)
def test_only_what_tools_take_can_be_told(kind: Any, fields: dict[str, Any], error: str) -> None:
    given = SAMPLE if kind is Sample else HISTOGRAM
    assert kind(**given).name == "a"
    with pytest.raises((ValueError, TypeError), match=error):
        kind(**given | fields)


# -- what is told -----------------------------------------------------------------------------------------------------


def test_what_all_contribute_is_shown_and_a_broken_one_loses_its_own(whole: Whole) -> None:
    uuid = whole.call("POST", "cluster", name="cluster").json["uuid"]
    queue = whole.runtime.queue
    with atomic():
        for name in ("one", "two", "three"):
            queue.enqueue("train", uuid, ACTOR, name, Nothing(), 1)
    task = queue.claim("cpu0", "cpu0/1")
    assert task is not None
    queue.fail(task, "the data is wrong")
    whole.call("POST", "dataset/upload/csv", name="data", input_data_size=5)
    found = page(whole)

    def value(name: str, **labels: str) -> float | None:
        return found.get((name, frozenset(labels.items())))

    assert value("hanami_open_tasks", host="cpu0", state="queued") == 2
    assert value("hanami_ended_tasks_total", state="failed") == 1
    assert value("hanami_datasets", state="uploading") == 1
    assert value("hanami_clusters", host="cpu0", mode="task") == 1
    assert value("hanami_host_up", host="cpu0") == 0
    assert value("notes_active", kind='a "b"\\\n') == 3
    assert [value("notes_length_bucket", le=le) for le in ("1.0", "10.0", "+Inf")] == [1, 3, 4]
    assert (value("notes_length_count"), value("notes_length_sum")) == (4, 106)
    assert value("broken_pieces") is None
    assert whole.runtime.plugins.plugins["broken"].failures == 1


def test_of_what_contradicts_the_first_one_counts(tmp_path: Path) -> None:
    doubled = [Sample("notes_active", 3), Sample("notes_active", 4)]
    other_kind = [Histogram("notes_active", (1.0,), (1, 0), 1.0), Sample("others_active", 5)]
    with Whole(tmp_path, plugin("notes", lambda: doubled), plugin("others", lambda: other_kind)) as whole:
        found = {metric.name: metric for metric in gather(whole.runtime) if metric.name.endswith("_active")}
        assert found == {"notes_active": doubled[0], "others_active": other_kind[1]}
        assert (value(whole, "notes_active"), value(whole, "others_active")) == (3, 5)


def test_requests_are_counted_by_what_they_do(whole: Whole) -> None:
    uuid = whole.call("POST", "cluster", name="cluster").json["uuid"]
    for _ in range(2):
        whole.call("GET", "cluster", uuid=uuid)
    whole.call("GET", "cluster", uuid=uuid, as_token="wrong")
    whole.call("GET", "nowhere")
    whole.http.simulate_get("/health/live")
    found = page(whole)
    counted = {
        (labels["action"], labels["status"]): count
        for (name, pairs), count in found.items()
        if name == "hanami_requests_total" and (labels := dict(pairs))["action"] in ("clusters.get", "")
    }
    assert counted == {("clusters.get", "200"): 2, ("clusters.get", "401"): 1, ("", "401"): 1}
    labels = frozenset({"api": "native", "action": "clusters.get"}.items())
    assert found["hanami_request_seconds_count", labels] == 3
    assert found["hanami_request_seconds_sum", labels] > 0
    buckets = [n for (name, pairs), n in found.items() if name.endswith("seconds_bucket") and labels < pairs]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 3


def test_any_worker_tells_of_the_requests_of_all(whole: Whole) -> None:
    other = client(whole.runtime)
    for application in (other, whole.http, other):
        application.simulate_get("/v1.0alpha/host/all", headers={"X-Auth-Token": whole.token})
    assert value(whole, "hanami_requests_total", api="native", action="hosts.list", status="200") == 3
    assert len(list((whole.runtime.settings.data_dir / "run" / "requests").iterdir())) == 2


def test_files_of_others_do_not_harm(whole: Whole) -> None:
    folder = whole.runtime.settings.data_dir / "run" / "requests"
    for name, content in (("7", b""), ("8", b"rubbish"), ("9", b'[["native","hosts.list"]]\n'), ("10", b"\xff\n\xff")):
        (folder / f"{name}.counts").write_bytes(content)
    whole.call("GET", "host/all")
    assert value(whole, "hanami_requests_total", api="native", action="hosts.list", status="200") == 1


def test_requests_are_answered_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "requests").write_text("in the way")
    with Whole(tmp_path) as whole:
        assert whole.call("GET", "host/all").status_code == 200
        assert value(whole, "hanami_host_up", host="cpu0") == 0


def test_the_server_contributes_once_for_each_source(whole: Whole) -> None:
    assert len(whole.runtime.stash[SOURCES]) == 4


# -- who may read -----------------------------------------------------------------------------------------------------


def scrape(whole: Whole, credential: str, path: str = "/metrics") -> int:
    return int(whole.http.simulate_get(path, headers={"Authorization": credential}).status_code)


def test_members_and_strangers_do_not_read(whole: Whole) -> None:
    member = whole.member("tsugumi")
    assert whole.call("GET", "/metrics", as_token=member).status_code == 403
    assert whole.http.simulate_get("/metrics").status_code == 401
    chosen = whole.member("scraper", role="scraper")
    assert whole.call("GET", "/metrics", as_token=chosen).status_code == 403


def test_the_secret_opens_this_page_and_nothing_else(whole: Whole) -> None:
    assert scrape(whole, f"Bearer {SECRET}") == scrape(whole, f"bearer  {SECRET}") == 200
    for wrong in ("Bearer wrong", "Bearer", "Bearer ", f"Basic {SECRET}", f"Bearer {SECRET}x", "Bearer \xe4"):
        assert scrape(whole, wrong) == 401
    assert scrape(whole, f"Bearer {SECRET}", "/v1.0alpha/cluster/all") == 401


def test_without_a_secret_nobody_has_it(tmp_path: Path) -> None:
    with Whole(tmp_path) as whole:
        assert [scrape(whole, credential) for credential in ("Bearer ", "Bearer", "Bearer x")] == [401, 401, 401]


def test_a_secret_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    with Whole(tmp_path, metrics__token="short") as whole:
        found = whole.runtime.plugins.plugins["metrics"]
        assert (found.state, found.reason) == (PluginState.BROKEN, "metrics.token must have at least 16 characters")
        assert scrape(whole, "Bearer short") == 401


def test_a_policy_file_says_who_may_read(tmp_path: Path) -> None:
    (tmp_path / "policies").write_text("v1.0alpha/token\n    - PUT : admin\nmetrics\n    - GET : scraper\n")
    with Whole(tmp_path, metrics__token=SECRET, policy_file__path="policies") as whole:
        assert scrape(whole, f"Bearer {SECRET}") == 200
        assert whole.call("GET", "/metrics").status_code == 403


def test_an_operator_may_let_everybody_read(tmp_path: Path) -> None:
    with Whole(tmp_path, metrics__public=True) as whole:
        answer = whole.http.simulate_get("/metrics")
        assert (answer.status_code, "hanami_host_up" in answer.text) == (200, True)
        assert answer.headers["content-type"] == PLAIN
