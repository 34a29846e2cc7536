"""Where new clusters go."""

from __future__ import annotations

import base64
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_core import hookimpl
from hanami_core.access import Actor
from hanami_core.compute import descriptions
from hanami_core.compute.placement import Candidate, HostLoad, PlacementRequest, check, place
from hanami_core.errors import BadRequest, Conflict, SettingsError, Unavailable
from hanami_core.network import Input, Output, Position, Settings, Template, in_a_line
from hanami_core.plugin_host import EntryPoint
from hanami_core.queue import Partition, Task
from hanami_core.storage.database import atomic
from hanami_plugins.clusters import Cluster, first_template
from hanami_plugins.clusters.service import Nothing
from tests import mine
from tests.whole import Whole

ACTOR = Actor("somebody", "Somebody", "project", "member")
LINE = in_a_line(["in"], ["out"])
MINE = EntryPoint("mine", "third", "1", lambda: mine)


def chosen_by(answer: Any) -> EntryPoint:
    """Return a plugin that places clusters; what it was asked is kept in its module."""
    module = types.ModuleType("placer")
    module.asked = []  # type: ignore[attr-defined]

    def hanami_placement(request: PlacementRequest) -> object:
        module.asked.append(request)  # type: ignore[attr-defined]
        return answer(request) if callable(answer) else answer

    module.hanami_placement = hookimpl(hanami_placement)  # type: ignore[attr-defined]
    return EntryPoint("placer", "third", "1", lambda: module)


def growing(growth: str | None, inputs: int = 1) -> Template:
    """Return a template of some hexagons in a line, inputs first."""
    hexagons = tuple(Position(x, 1, 1) for x in range(inputs + 2))
    names = tuple(Input(f"in{number}", number) for number in range(inputs))
    return Template(Settings(growth=growth), hexagons, names, (Output("out", inputs + 1),))


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    """An application with two hosts of one kind and one of another."""
    with Whole(tmp_path, MINE, host_numba__hosts=2) as running:
        yield running


def settled(whole: Whole, setting: str, template: Template | None) -> str:
    """Return where a cluster goes with a setting."""
    whole.runtime.settings._resolved["compute.placement"] = setting
    return place(whole.runtime, ACTOR, template).name


def busy(whole: Whole, host: str, clusters: int, tasks: int) -> None:
    """Give a host clusters, the first of which has some open tasks."""
    with atomic():
        for number in range(clusters):
            Partition.create(key=f"{host}-{number}", host=host)
        for _ in range(tasks):
            lane = f"{host}-0"
            Task.create(kind="x", partition=lane, name="t", payload="{}", total_cycles=1, owner_id="o", project_id="p")


def test_first_is_the_first_that_runs_the_template(whole: Whole) -> None:
    assert list(whole.runtime.hosts) == ["cpu0", "cpu1", "mine0"]
    assert settled(whole, "first", None) == "cpu0"
    assert settled(whole, "first", LINE) == "cpu0"
    assert settled(whole, "first", growing("mine")) == "mine0"


def test_least_loaded_counts_tasks_before_clusters(whole: Whole) -> None:
    assert settled(whole, "least_loaded", LINE) == "cpu0"
    busy(whole, "cpu0", 1, 0)
    assert settled(whole, "least_loaded", growing("section")) == "cpu1"
    busy(whole, "cpu1", 5, 0)
    assert settled(whole, "least_loaded", growing("section")) == "cpu0"
    with atomic():
        Partition.update(host="cpu0").where(Partition.key == "cpu0-0").execute()
    busy_task = Task(kind="x", partition="cpu0-0", name="t", payload="{}", total_cycles=1, owner_id="o", project_id="p")
    busy_task.save(force_insert=True)
    assert settled(whole, "least_loaded", growing("section")) == "cpu1"
    assert settled(whole, "least_loaded", None) == "mine0"


def test_tasks_that_ended_do_not_count(whole: Whole) -> None:
    busy(whole, "cpu0", 1, 3)
    busy(whole, "cpu1", 2, 1)
    assert settled(whole, "least_loaded", growing("section")) == "cpu1"
    Task.update(state="finished").execute()
    assert settled(whole, "least_loaded", growing("section")) == "cpu0"


def test_a_host_by_its_name(whole: Whole) -> None:
    assert settled(whole, "cpu1", LINE) == "cpu1"
    assert settled(whole, "mine0", None) == "mine0"
    with pytest.raises(BadRequest, match="no installed plugin has rules for growth 'section' on a host of type mine"):
        settled(whole, "mine0", growing("section"))
    with pytest.raises(Conflict, match=r"placement host missing \(.*host gpu0\)"):
        settled(whole, "gpu0", LINE)


def described(whole: Whole, name: str, reason: str = "") -> None:
    """Let a host of the other kind be described, as one that is out of order if there is a reason."""
    host: Any = whole.runtime.hosts[name]
    host.reason = reason
    told = descriptions.Describer(whole.runtime.settings.data_dir, host)
    assert told.wait()
    told._end.set()


def test_a_host_that_is_there_on_request_is_chosen_by_its_name_only(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mine.MineHost, "on_request", True)
    busy(whole, "cpu0", 3, 2)
    busy(whole, "cpu1", 3, 1)
    assert settled(whole, "least_loaded", None) == "cpu1"
    assert settled(whole, "first", None) == "cpu0"
    assert settled(whole, "mine0", None) == "mine0"
    assert settled(whole, "first", growing("mine")) == "mine0", "no other one can run it"


def test_no_cluster_goes_to_a_host_that_is_out_of_order(whole: Whole) -> None:
    busy(whole, "cpu0", 1, 1)
    busy(whole, "cpu1", 1, 1)
    described(whole, "mine0")
    assert settled(whole, "least_loaded", None) == "mine0"
    described(whole, "mine0", "the device is gone")
    assert settled(whole, "least_loaded", None) == "cpu0"
    for setting, template in (("mine0", None), ("first", growing("mine"))):
        with pytest.raises(Unavailable, match=r"host unhealthy \(host mine0.*: the device is gone"):
            settled(whole, setting, template)


def test_a_plugin_that_places_a_cluster_on_a_host_that_is_out_of_order_is_overruled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Whole(tmp_path, MINE, chosen_by("mine0")) as whole:
        assert settled(whole, "first", None) == "mine0"
        described(whole, "mine0", "the device is gone")
        assert settled(whole, "first", None) == "cpu0"
    assert "a plugin placed a cluster on a host that cannot run it" in caplog.text


def test_what_no_host_runs_is_refused_with_the_reasons_of_each_kind(whole: Whole) -> None:
    with pytest.raises(BadRequest) as caught:
        settled(whole, "first", growing("mine", inputs=2))
    assert str(caught.value).splitlines() == [
        "no installed plugin has rules for growth 'mine' on a host of type cpu",
        "growth 'mine': mine has one input",
    ]


def test_without_hosts_there_is_no_place(tmp_path: Path) -> None:
    with Whole(tmp_path, host_numba__hosts=0) as whole, pytest.raises(Conflict, match="hosts_missing"):
        place(whole.runtime, ACTOR, None)


def test_a_plugin_decides_and_sees_what_it_needs(tmp_path: Path) -> None:
    placer = chosen_by("cpu1")
    with Whole(tmp_path, MINE, placer, host_numba__hosts=2) as whole:
        busy(whole, "cpu1", 2, 3)
        assert settled(whole, "first", growing("section")) == "cpu1"
        (request,) = placer.load().asked
        uuids = whole.runtime.host_uuids
        refusal = "no installed plugin has rules for growth 'section' on a host of type mine"
        assert request.actor is ACTOR
        assert request.template == growing("section")
        assert request.hosts == (
            Candidate("cpu0", "cpu", uuids["cpu0"]),
            Candidate("cpu1", "cpu", uuids["cpu1"]),
            Candidate("mine0", "mine", uuids["mine0"], refusal),
        )
        assert [host.name for host in request.possible] == ["cpu0", "cpu1"]
        assert request.loads == {"cpu0": HostLoad(0, 0), "cpu1": HostLoad(3, 2), "mine0": HostLoad(0, 0)}
        assert request.descriptions == {}
        told = descriptions.Describer(tmp_path, whole.runtime.hosts["mine0"])
        told.wait()
        assert place(whole.runtime, ACTOR, None).name == "cpu1"
        assert placer.load().asked[1].descriptions["mine0"].free_memory == 1 << 19
        told.stop()


def explode(request: PlacementRequest) -> str:
    raise ValueError("no idea")


@pytest.mark.parametrize("answer", [None, "gpu7", "mine0", 5, explode])
def test_a_plugin_that_knows_no_place_leaves_it_to_the_setting(tmp_path: Path, answer: Any) -> None:
    with Whole(tmp_path, MINE, chosen_by(answer), host_numba__hosts=2) as whole:
        assert settled(whole, "cpu1", growing("section")) == "cpu1"


@pytest.mark.parametrize("setting", ["first", "least_loaded", "cpu0"])
def test_the_setting_may_be(setting: str) -> None:
    check(setting, ["cpu0"])


@pytest.mark.parametrize(("setting", "hosts"), [("cpu1", ["cpu0"]), ("First", ["cpu0"]), ("", []), ("cpu0", [])])
def test_a_setting_that_names_nothing_is_one_clear_line(setting: str, hosts: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        check(setting, hosts)
    assert str(caught.value) == (
        "compute.placement must be 'first', 'least_loaded' or the name of a host, "
        f"not '{setting}'; hosts are: {', '.join(hosts) or 'none'}"
    )


# -- through the api ---------------------------------------------------------------------------------------------------

TEXT = "version: 1\nsettings:\n{}\nhexagons: 1,1,1 2,1,1 3,1,1\ninputs: in: 1,1,1\noutputs: out: 3,1,1\n"


def created(whole: Whole, name: str, settings: str | None) -> Any:
    encoded = "" if settings is None else base64.b64encode(TEXT.format(settings).encode()).decode()
    return whole.call("POST", "cluster", name=name, template=encoded)


def host_of(whole: Whole, answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    return str(whole.call("GET", "cluster", uuid=answer.json["uuid"]).json["host"])


def test_clusters_are_created_where_they_are_placed(tmp_path: Path) -> None:
    with Whole(tmp_path, MINE, compute__placement="least_loaded", host_numba__hosts=2) as whole:
        assert host_of(whole, created(whole, "first", "growth: section")) == "cpu0"
        assert host_of(whole, created(whole, "second", "growth: section")) == "cpu1"
        assert host_of(whole, created(whole, "third", "growth: section")) == "cpu0"
        assert host_of(whole, created(whole, "fourth", None)) == "mine0"
        assert Partition.select().where(Partition.host == "mine0").count() == 1


def test_a_host_that_can_not_run_a_rule_set_is_refused(whole: Whole) -> None:
    cluster = created(whole, "first", "growth: mine depth: 5").json["uuid"]
    uuids = whole.runtime.host_uuids
    answer = whole.call("PUT", "cluster/switch_host", cluster_uuid=cluster, host_uuid=uuids["cpu0"])
    assert answer.status_code == 409
    assert answer.text == (
        "Host 'cpu0' cannot run the cluster: no installed plugin has rules for growth 'mine' on a host of type cpu"
    )
    assert whole.call("PUT", "cluster/switch_host", cluster_uuid=cluster, host_uuid="0" * 36).status_code in (400, 404)


def test_a_cluster_that_gets_its_first_template_goes_to_a_host_that_runs_it(whole: Whole) -> None:
    whole.runtime.settings._resolved["compute.placement"] = "mine0"
    cluster = Cluster.get(Cluster.uuid == created(whole, "first", None).json["uuid"])
    assert cluster.host == "mine0"
    first_template(whole.runtime, ACTOR, cluster, ["one"], ["out"])
    assert whole.call("GET", "cluster", uuid=cluster.uuid).json["host"] == "mine0"
    with pytest.raises(BadRequest, match="mine has one input"):
        first_template(whole.runtime, ACTOR, cluster, ["one", "two"], ["out"])
    whole.runtime.settings._resolved["compute.placement"] = "first"
    first_template(whole.runtime, ACTOR, cluster, ["one", "two"], ["out"])
    assert whole.call("GET", "cluster", uuid=cluster.uuid).json["host"] == "cpu0"
    assert Partition.get(Partition.key == cluster.uuid).host == "cpu0"


def test_a_cluster_with_open_tasks_stays(whole: Whole) -> None:
    whole.runtime.settings._resolved["compute.placement"] = "mine0"
    cluster = Cluster.get(Cluster.uuid == created(whole, "first", None).json["uuid"])
    whole.runtime.settings._resolved["compute.placement"] = "first"
    with atomic():
        whole.runtime.queue.enqueue("train", cluster.uuid, ACTOR, "t", Nothing(), 1)
    with pytest.raises(Conflict, match="host can not be left"):
        first_template(whole.runtime, ACTOR, cluster, ["one", "two"], ["out"])
    assert Partition.get(Partition.key == cluster.uuid).host == "mine0"
