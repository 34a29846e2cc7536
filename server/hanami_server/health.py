"""The two resources that tell an operator's tools how the server is; they need no login.

``live`` means that this process answers. ``ready`` means that a real request ran through every compute host just now,
that the storage could be written, and that no cheap check of a plugin found anything. A host that gets clusters only on
request may fail: the others serve. Must not know how a sidecar, or a plugin, finds that out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import falcon
import msgspec

from hanami_core.checks import Check
from hanami_core.compute import is_on_request
from hanami_core.disclosure import without_paths
from hanami_core.runtime import Runtime
from hanami_core.storage.probing import storage_checks
from hanami_server.control import Unreachable, ask
from hanami_server.paths import control_path

__all__ = ["LIVE_PATH", "READY_PATH", "CheapChecks", "LivenessResource", "ReadinessResource"]

LIVE_PATH = "/health/live"
READY_PATH = "/health/ready"
PATIENCE = 3.0

log = logging.getLogger("hanami.health")


class CheapChecks:
    """The checks of a process that take milliseconds: some of the server's own, and those of its plugins."""

    def __init__(self, runtime: Runtime, own: Iterable[Check] = ()) -> None:
        """Ask the plugins for their checks."""
        self._own = [check for check in own if check.cheap]
        self._checks = [found for found in runtime.plugins.checks(runtime) if found.item.cheap]

    def findings(self) -> list[str]:
        """Return what is found now, a line each."""
        checks = [*self._own, *(found.item for found in self._checks if found.plugin.works)]
        return [text for check in checks for text in _findings(check)]


class LivenessResource:
    """``GET /health/live``."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer that this process lives."""
        _render(resp, 200, {"status": "live"})

    on_head = on_get


class ReadinessResource:
    """``GET /health/ready``."""

    def __init__(self, runtime: Runtime) -> None:
        """Watch the hosts of a runtime."""
        self._runtime = runtime
        self._checks = CheapChecks(runtime, storage_checks(runtime))

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer 200 if every host answers that must, and no check finds anything, else 503 with the reasons."""
        with ThreadPoolExecutor(max_workers=8) as threads:
            hosts = dict(zip(self._runtime.hosts, threads.map(self._host, self._runtime.hosts), strict=True))
        findings = self._checks.findings()
        spare = {name for name, host in self._runtime.hosts.items() if is_on_request(host)}
        needed = [host for name, host in hosts.items() if name not in spare] or list(hosts.values())
        ready = bool(hosts) and all(host["ready"] for host in needed) and not findings
        # Anybody may read it.
        findings = [without_paths(text) for text in findings]
        for host in hosts.values():
            host |= {"reason": without_paths(str(host["reason"]))} if "reason" in host else {}
        answer = {"status": "ready" if ready else "unready", "hosts": hosts}
        _render(resp, 200 if ready else 503, answer | ({"findings": findings} if findings else {}))

    on_head = on_get

    def _host(self, name: str) -> dict[str, Any]:
        try:
            return ask(control_path(self._runtime.settings.data_dir, name), "probe", PATIENCE)
        except Unreachable as error:
            return {"ready": False, "reason": str(error)}


def _findings(check: Check) -> list[str]:
    try:
        return [f"{finding.where}: {finding.what}" for finding in check.run()]
    except BaseException as error:
        log.exception("check failed", extra={"check": check.name})
        return [f"{check.name}: {type(error).__name__}"]


def _render(resp: falcon.Response, status: int, content: object) -> None:
    resp.status = status
    resp.content_type = falcon.MEDIA_JSON
    resp.data = msgspec.json.encode(content)
