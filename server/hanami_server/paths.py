"""Where the processes of one server find each other, below the run directory of the data directory.

Owns the file names. Must not know who listens there.
"""

from __future__ import annotations

from pathlib import Path

from hanami_core.localsocket import run_directory

__all__ = [
    "control_path",
    "handoff_path",
    "host_lock_path",
    "plugin_states_path",
    "process_lock_path",
    "request_counts_path",
    "server_lock_path",
    "state_path",
    "worker_lock_path",
]


def handoff_path(data_dir: Path, host: str) -> Path:
    """Return the Unix socket at which the sidecar of a host takes over connections."""
    return run_directory(data_dir) / f"{host}.sock"


def control_path(data_dir: Path, host: str) -> Path:
    """Return the Unix socket at which the sidecar of a host answers questions about itself."""
    return run_directory(data_dir) / f"{host}.control"


def host_lock_path(data_dir: Path, host: str) -> Path:
    """Return the file that the sidecar of a host holds locked."""
    return run_directory(data_dir) / f"{host}.lock"


def plugin_states_path(data_dir: Path) -> Path:
    """Return the directory in which each process of a server tells what became of its plugins."""
    return run_directory(data_dir) / "plugins"


def ends_path(data_dir: Path) -> Path:
    """Return the directory in which stands how the processes of a running server have ended."""
    return run_directory(data_dir) / "ends"


def process_lock_path(data_dir: Path, name: str) -> Path:
    """Return the file that a process of a plugin holds locked."""
    return run_directory(data_dir) / f"process-{name}.lock"


def request_counts_path(data_dir: Path) -> Path:
    """Return the directory in which the workers of the api count requests."""
    return run_directory(data_dir) / "requests"


def worker_lock_path(data_dir: Path) -> Path:
    """Return the file that the worker holds locked."""
    return run_directory(data_dir) / "@worker.lock"


def server_lock_path(data_dir: Path) -> Path:
    """Return the file that the supervisor of a server holds locked."""
    return data_dir / "lock"


def state_path(data_dir: Path) -> Path:
    """Return the file that tells address and processes of a running server."""
    return run_directory(data_dir) / "server.json"
