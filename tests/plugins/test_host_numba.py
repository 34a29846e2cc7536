"""Hosts, rules and stored states of the processor's engine: everything but computing itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hanami_core.compute import ComputeHost, LiveNetwork, NetworkRules
from hanami_core.errors import CorruptFile
from hanami_core.network import Axon, Input, NetworkState, Output, Position, Settings, Template
from hanami_core.settings import Settings as ServerSettings
from hanami_core.testing.hosts import host_context
from hanami_plugins import host_numba
from hanami_plugins.host_numba import host as host_module
from hanami_plugins.host_numba.cpu_rules import CpuSectionRules
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.networks_section import section_memory
from tests.kernels import KERNELS
from tests.plugins.engine_kit import ALWAYS, RULES, blobs, network, rows


@pytest.fixture(scope="module")
def host() -> CpuHost:
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS))
    return host


def hosts(number: int, threads: int) -> list[ComputeHost]:
    values = {"host_numba.hosts": number, "host_numba.threads": threads}
    return host_numba.hanami_compute_hosts(ServerSettings(Path("/nowhere"), {}, values, {}))


def test_hosts_have_names_and_a_kind() -> None:
    first, second = hosts(2, 0)
    assert (first.name, second.name, first.kind) == ("cpu0", "cpu1", "cpu")


def test_settings_are_declared_with_defaults() -> None:
    defaults = {setting.name: setting.default for setting in host_numba.hanami_settings()}
    assert defaults == {"host_numba.hosts": 1, "host_numba.threads": 0}


@pytest.mark.parametrize(("setting", "size"), [(0, 4), (1, 1), (3, 3), (100, 4)])
def test_threads_are_those_of_the_setting_but_not_more_than_processors(
    monkeypatch: pytest.MonkeyPatch, setting: int, size: int
) -> None:
    monkeypatch.setattr(host_module, "processors", lambda: 4)
    (host,) = hosts(1, setting)
    assert isinstance(host, CpuHost)
    assert host.thread_pool.size == size


def test_contracts_are_kept() -> None:
    rules = host_numba.hanami_network_rules()
    assert [(item.name, item.host_kind) for item in rules] == [("section", "cpu"), ("synapse", "cpu")]
    assert all(isinstance(item, NetworkRules) for item in rules)
    assert isinstance(hosts(1, 1)[0], ComputeHost)


def test_everything_but_starting_and_opening_works_without_the_compiler() -> None:
    code = (
        "import sys\n"
        "from tests.plugins.engine_kit import RULES, chain\n"
        "from hanami_plugins import host_numba\n"
        "assert RULES.refuses(chain()) is None\n"
        "assert RULES.create(chain(), 1).digest()\n"
        "assert 'numba' not in sys.modules and 'llvmlite' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("place", ["writable", "file/below"])
def test_a_host_starts_even_if_its_cache_can_not_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("not a directory")
    CpuHost("cpu0", 1).start(host_context(tmp_path / place))


def test_a_cache_that_can_only_be_read_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(dir: Path) -> None:
        raise PermissionError("read-only")

    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "index").write_text("compiled")
    assert host_module._writable(tmp_path) == tmp_path
    monkeypatch.setattr(host_module.tempfile, "TemporaryFile", refuse)
    copy = host_module._writable(tmp_path)
    assert copy != tmp_path
    assert (copy / "kernels" / "index").read_text() == "compiled"


# Templates


def template(**changes: object) -> Template:
    """Return input, hidden and output hexagon in a row, with changes."""
    fields: dict[str, object] = {
        "settings": Settings(),
        "hexagons": (Position(1, 1, 1), Position(2, 1, 1), Position(3, 1, 1)),
        "inputs": (Input("a", 0),),
        "outputs": (Output("b", 2),),
    }
    return Template(**{**fields, **changes})  # type: ignore[arg-type]


FAR = (Position(1, 1, 1), Position(2, 1, 1), Position(3, 1, 1), Position(4, 1, 1))
GAP = (Position(1, 1, 1), Position(2, 1, 1), Position(3, 1, 1), Position(5, 1, 1))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (template(settings=Settings(growth="synapse")), "growth: synapse"),
        (template(settings=Settings(enable_reduction=True)), "reduction"),
        (template(settings=Settings(neuron_cooldown=100.0)), "neuron_cooldown"),
        (template(settings=Settings(refractory_time=2)), "refractory_time"),
        (template(inputs=(Input("a", 0, "binary"),)), "'a' is binary"),
        (template(inputs=(Input("a", 0, "match"),)), "'a' is match"),
        (template(outputs=(Output("b", 2, "float"),)), "'b' is float"),
        (template(outputs=(Output("b", 2, "int"),)), "'b' is int"),
        (template(hexagons=GAP, outputs=(Output("b", 3),)), "path from input 'a' to output 'b'"),
        (template(hexagons=(Position(1, 1, 1), Position(5, 1, 1), Position(6, 1, 1))), "path from"),
        (template(hexagons=FAR, outputs=(Output("b", 1), Output("c", 3))), "output 'c'"),
    ],
)
def test_what_the_rules_can_not_do_is_refused_with_a_reason(bad: Template, reason: str) -> None:
    bad.check()
    assert reason in (RULES.refuses(bad) or "")


@pytest.mark.parametrize(
    "good",
    [
        template(),
        template(settings=Settings(growth="section")),
        template(outputs=(Output("b", 1),), hexagons=(Position(1, 1, 1), Position(2, 1, 1))),
        template(hexagons=(Position(1, 1, 1), Position(3, 1, 1), Position(4, 1, 1)), axons=(Axon(0, 1),)),
        template(hexagons=FAR, outputs=(Output("b", 3),)),
        template(settings=Settings(max_connection_distance=3), hexagons=FAR, outputs=(Output("b", 3),)),
    ],
)
def test_what_the_rules_can_do_is_accepted(good: Template) -> None:
    good.check()
    assert CpuSectionRules().refuses(good) is None


# Stored states


def damaged(host: CpuHost, change: Callable[[NetworkState], None]) -> NetworkState:
    live = network(host, {"in": 40}, {"out": 5})
    live.train(rows(*blobs(100)), ALWAYS)
    state = live.state()
    change(state)
    return state


def set_value(name: str, index: object, value: float) -> Callable[[NetworkState], None]:
    def change(state: NetworkState) -> None:
        state.arrays[name][index] = value

    return change


def set_head(name: str, value: object) -> Callable[[NetworkState], None]:
    return lambda state: setattr(state.head, name, value)


def reshaped(name: str) -> Callable[[NetworkState], None]:
    return lambda state: state.arrays.update({name: state.arrays[name][..., :-1].copy()})


def retyped(name: str) -> Callable[[NetworkState], None]:
    return lambda state: state.arrays.update({name: state.arrays[name].astype(np.float64)})


def without(name: str) -> Callable[[NetworkState], None]:
    return lambda state: state.arrays.__delitem__(name)


@pytest.mark.parametrize(
    "change",
    [
        *(
            make(name)
            for name in ("weights", "bias", "readout", "readout_bias", "floors", "borders", "row_of_source")
            for make in (reshaped, retyped, without)
        ),
        set_value("weights", (0, 0, 0), np.nan),
        set_value("readout", (0, 0, 0), np.inf),
        set_value("borders", 3, np.nan),
        set_value("borders", 3, -1.0),
        set_value("borders", 3, 0.0),
        set_value("row_of_source", 3, -1),
        set_value("row_of_source", 3, 10_000),
        set_value("row_of_source", 3, -2),
        set_value("row_of_source", slice(None), 0),
        set_head("rules", "synapse"),
        set_head("inputs", {"in": 39}),
        set_head("inputs", {"in": 40, "more": 1}),
        set_head("inputs", {"in": -40}),
        set_head("inputs", {"in": 1 << 40}),
        set_head("outputs", {"out": 6}),
        set_head("outputs", {"other": 5}),
        set_head("cycles", -1),
        set_head("extra", {"failure": 2.0}),
        set_head("extra", {"failure": "high"}),
        set_head("extra", {"unknown": 1}),
        set_head("extra", {"squashing": {"out": 5}}),
        lambda state: state.arrays.update(average_weights=state.arrays["weights"]),
    ],
)
def test_a_state_that_contradicts_itself_is_not_opened(host: CpuHost, change: Callable[[NetworkState], None]) -> None:
    with pytest.raises(CorruptFile):
        RULES.open(damaged(host, change), host)


def test_a_new_state_is_empty(host: CpuHost) -> None:
    state = RULES.create(template(settings=Settings(own={"blocks": 3})), 5)
    assert state.head.rules == "section"
    assert (state.head.seed, state.head.cycles, state.head.inputs, state.head.outputs) == (5, 0, {}, {})
    assert state.arrays["weights"].shape == (3, 0, 64)
    live = RULES.open(state, host)
    assert isinstance(live, LiveNetwork)
    assert live.state().digest() == state.digest()
    metrics = live.metrics()
    assert metrics.pop("memory") > 3 * 64 * 64 * 4
    assert metrics == {"blocks": 3, "sections": 0, "synapses": 0, "cycles": 0, "failure_rate": 1.0}


def test_blocks_default_to_128_hidden_neurons(host: CpuHost) -> None:
    assert RULES.create(template(), 5).arrays["bias"].size == 128


def test_a_state_holds_no_spare_room(host: CpuHost) -> None:
    live = network(host, {"in": 200}, {"out": 3})
    values = np.zeros((10, 200), np.uint8)
    values[:, 20:90] = 5
    live.train(rows(values, np.eye(3, dtype=np.uint8)[np.arange(10) % 3]), ALWAYS)
    arrays = live.state().arrays
    assert arrays["weights"].shape == (2, 70, 64)
    assert arrays["row_of_source"].max() == 69
    section_memory.check(live.state())
