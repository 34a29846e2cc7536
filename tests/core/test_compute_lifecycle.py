"""The host of a sidecar: started with a context, described while it works, stopped when the process ends."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.compute import ComputeHost, HostContext, HostDescription, NetworkRules, descriptions
from hanami_core.compute.descriptions import FRESH, Describer, load
from hanami_core.errors import StartupError
from hanami_core.plugin_host import EntryPoint, PluginHost, installed_plugins
from hanami_core.runtime import Runtime
from hanami_core.testing.hosts import HostConformance, host_context
from hanami_plugins.hosts import ListedHost, list_hosts
from hanami_server.sidecar.probe import Probe
from tests import mine
from tests.core.plugin_kit import SETTINGS, plugin, state
from tests.mine import MineHost, MineRules
from tests.whole import Whole

MINE = EntryPoint("mine", "third", "1", lambda: mine)


class TestMineHost(HostConformance):
    @pytest.fixture
    def host(self) -> ComputeHost:
        return MineHost("mine0")

    @pytest.fixture
    def rule_sets(self) -> list[NetworkRules]:
        return [MineRules()]


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """A sidecar whose host was not started."""
    with Whole(tmp_path, MINE):
        pass
    flags = {"compute.cache": str(tmp_path / "compiled")}
    opened = Runtime.open(tmp_path, "sidecar", flags, {}, PluginHost([*installed_plugins(), MINE]))
    yield opened
    opened.close()


def test_a_host_is_started_with_all_that_it_needs(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[HostContext] = []
    monkeypatch.setattr(MineHost, "start", lambda self, context: given.append(context))
    runtime.start_compute("mine0")
    assert runtime.compute is runtime.hosts["mine0"]
    assert given == [
        HostContext(
            uuid=runtime.host_uuids["mine0"],
            cache=tmp_path / "compiled",
            data_dir=tmp_path,
            settings=runtime.settings,
            clock=runtime.clock,
            threads=len(os.sched_getaffinity(0)),
            background=True,
        )
    ]


def test_a_host_that_nobody_provides(runtime: Runtime) -> None:
    with pytest.raises(StartupError, match="no plugin provides the host gpu0"):
        runtime.start_compute("gpu0")


def test_a_host_is_stopped_last_and_once(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr(MineHost, "stop", lambda self: ended.append("host"))
    monkeypatch.setattr(runtime.plugins, "shutdown", lambda runtime: ended.append("plugins"))
    runtime.start_compute("mine0")
    runtime.close()
    assert ended == ["plugins", "host"]


def test_a_host_that_can_not_be_stopped_keeps_nobody(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stop(self: MineHost) -> None:
        raise OSError("the device is gone")

    monkeypatch.setattr(MineHost, "stop", stop)
    runtime.start_compute("mine0")
    runtime.close()
    assert "a compute host could not be stopped" in caplog.text
    assert runtime.database.driver.is_closed()


def test_other_processes_read_how_it_is(runtime: Runtime, tmp_path: Path) -> None:
    assert load(tmp_path, "mine0") is None
    runtime.start_compute("mine0")
    assert runtime._describer is not None
    assert runtime._describer.wait()
    expected = HostDescription("mine0", "mine", runtime.host_uuids["mine0"], 1 << 20, 1 << 19, 1)
    assert load(tmp_path, "mine0") == expected
    assert descriptions.load_all(tmp_path, ["cpu0", "mine0"]) == {"mine0": expected}
    runtime.close()
    assert load(tmp_path, "mine0") is None


def test_hosts_are_listed_with_what_is_known_of_them(runtime: Runtime) -> None:
    runtime.start_compute("mine0")
    assert runtime._describer is not None
    assert runtime._describer.wait()
    cpu, listed = list_hosts(runtime)
    assert cpu == ListedHost("cpu0", "cpu", runtime.host_uuids["cpu0"], None)
    assert (listed.name, listed.kind, listed.uuid) == ("mine0", "mine", runtime.host_uuids["mine0"])
    assert listed.description is not None
    assert listed.description.free_memory == 1 << 19


def test_an_old_or_damaged_description_is_not_believed(tmp_path: Path) -> None:
    host = MineHost("mine0")
    host.start(host_context(tmp_path))
    describer = Describer(tmp_path, host)
    assert describer.wait()
    path = tmp_path / "run" / "mine0.host"
    assert load(tmp_path, "mine0") is not None
    past = time.time() - FRESH - 1
    os.utime(path, (past, past))
    assert load(tmp_path, "mine0") is None
    path.write_text("{}")
    assert load(tmp_path, "mine0") is None
    describer.stop()


def test_a_host_that_can_not_describe_itself_is_not_believed_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(descriptions, "INTERVAL", 0.0)
    host = MineHost("mine0")
    describer = Describer(tmp_path, host)
    assert describer.wait()
    describe, failed = host.describe, []

    def broken() -> HostDescription:
        failed.append(True)
        if len(failed) > 1:
            describer._end.set()
        raise OSError("the device is gone")

    monkeypatch.setattr(host, "describe", broken)
    describer._thread.join(10)
    assert load(tmp_path, "mine0") is None
    assert "a host could not be described" in caplog.text
    describer.stop()
    assert describe() is not None


def test_the_probe_leaves_no_network_behind(runtime: Runtime) -> None:
    runtime.start_compute("mine0")
    host = runtime.hosts["mine0"]
    assert isinstance(host, MineHost)
    assert Probe(runtime, host).run()["ready"]
    assert host.networks == 0


def test_a_host_that_is_not_well_is_not_ready(runtime: Runtime) -> None:
    runtime.start_compute("mine0")
    host = runtime.hosts["mine0"]
    assert isinstance(host, MineHost)
    host.reason = "too hot"
    assert Probe(runtime, host).run() == {"ready": False, "reason": "too hot"}


@pytest.mark.parametrize("name", ["", "a/b", "..", "@workers", "cpu 0", "x" * 65])
def test_a_host_with_a_name_that_can_be_none_is_refused(name: str) -> None:
    host = PluginHost([plugin("bad", hanami_compute_hosts=lambda: [MineHost(name)])])
    assert not host.compute_hosts(SETTINGS)
    assert "a compute host is named by" in state(host, "bad")[1]


def test_a_rule_set_that_no_template_can_ask_for_is_refused() -> None:
    class Spaced(MineRules):
        name = "my own"

    class Untyped(MineRules):
        settings = dict  # type: ignore[assignment]

    for rules in (Spaced, Untyped):
        host = PluginHost([plugin("bad", hanami_network_rules=lambda rules=rules: [rules()])])
        assert not host.network_rules()
        assert state(host, "bad")[0] == "broken"
