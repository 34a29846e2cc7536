"""All processes of a server tell of the hooks that they call, if that is wanted."""

from __future__ import annotations

import json
from pathlib import Path

from tests.server.harness import ServerProcess


def test_all_processes_tell_of_their_hooks(tmp_path: Path, env: dict[str, str]) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with ServerProcess(data_dir, {**env, "HANAMI_TRACE_HOOKS": "1"}, {"http.workers": 1}) as server:
        assert server.request("POST", "/v1/echo", {}, "good")[0] == 200
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.text().splitlines() if line.startswith("{")]
    calls = [line for line in lines if line["logger"] == "hanami.hooks"]
    assert {"api", "worker", "sidecar cpu0"} <= {call["process"] for call in calls}
    routes = next(call for call in calls if (call["hook"], call["process"]) == ("hanami_routes", "api"))
    assert (routes["plugin"], routes["arguments"]) == ("server_stub", "runtime=Runtime")
    assert routes["result"].endswith(" Route")
    assert routes["milliseconds"] >= 0
    events = [call for call in calls if call["hook"] == "hanami_event"]
    assert all("event=CallAllowed call.allowed" in call["arguments"] for call in events)
