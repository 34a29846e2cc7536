"""All configuration. Values come from ``hanami.toml``, then the environment, then flags; the last one wins.

Nothing outside of this module reads files or the environment for configuration. Plugins declare their settings with
the hook ``hanami_settings`` and read them as ``settings["plugin.name"]``.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanami_core.errors import PluginError, SettingsError

Value = str | int | float | bool

PLUGINS_DIR = "HANAMI_PLUGINS_DIR"
"""Variable that names the folder of plugins that are single files; no setting, because plugins declare settings."""

TRACE_HOOKS = "HANAMI_TRACE_HOOKS"
"""Variable that lets each call of a hook be logged; no setting, because plugins are asked for their settings by one."""

_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Setting:
    """A named value: ``section.key``, its type (str, int, float or bool), default, explanation and limits."""

    name: str
    type: type
    default: Value
    help: str
    minimum: float | None = None
    maximum: float | None = None
    secret: bool = False

    def __post_init__(self) -> None:
        """Refuse a type that no setting can have, and a default that is not of it or outside of the limits.

        Raises:
            PluginError: the text says which.
        """
        if self.type not in (str, int, float, bool):
            raise PluginError(f"setting {self.name}: its type must be str, int, float or bool")
        if type(self.default) is not self.type:
            raise PluginError(f"setting {self.name}: its default must be of type {self.type.__name__}")
        if isinstance(self.default, (int, float)) and not self._in_limits(self.default):
            raise PluginError(f"setting {self.name}: its default must be {self._limits()}")

    @property
    def variable(self) -> str:
        """Name of the environment variable that sets the value."""
        return "HANAMI_" + self.name.upper().replace(".", "_").replace("-", "_")

    def convert(self, value: object, source: str) -> Value:
        """Return `value` converted to the setting's type; texts are parsed unless the type is str."""
        try:
            result = self._parse(value)
        except (TypeError, ValueError):
            raise SettingsError(f"{source}: {self.name} must be of type {self.type.__name__}, not {value!r}") from None
        if isinstance(result, (int, float)) and not self._in_limits(result):
            raise SettingsError(f"{source}: {self.name} must be {self._limits()}, not {result}")
        return result

    def _parse(self, value: object) -> Value:
        if isinstance(value, str) and self.type is bool:
            return _BOOLEANS[value.lower()] if value.lower() in _BOOLEANS else self._mismatch()
        if isinstance(value, str):
            return self.type(value)  # type: ignore[no-any-return]
        if self.type is float and type(value) is int:
            return float(value)
        if type(value) is not self.type:
            return self._mismatch()
        return value  # type: ignore[return-value]

    def _mismatch(self) -> Value:
        raise TypeError(self.name)

    def _in_limits(self, value: float) -> bool:
        low = self.minimum is None or value >= self.minimum
        return low and (self.maximum is None or value <= self.maximum)

    def _limits(self) -> str:
        if self.maximum is None:
            return f"at least {self.minimum}"
        if self.minimum is None:
            return f"at most {self.maximum}"
        return f"between {self.minimum} and {self.maximum}"


CORE_SETTINGS = (
    Setting("http.host", str, "127.0.0.1", "Address to listen on"),
    Setting("http.port", int, 11418, "Port for REST and websockets; 0 picks a free one", 0, 65535),
    Setting("http.workers", int, 0, "Processes that answer REST requests; 0 means as many as cores, at most 4", 0, 64),
    Setting("http.threads", int, 16, "Threads in each of these processes", 1, 1024),
    Setting("http.timeout", float, 30.0, "Seconds that a client has to send a request", 1.0, 3600.0),
    Setting("http.handler_timeout", float, 300.0, "Seconds without progress after which a call counts as hung", 1.0),
    Setting("http.max_body", int, 1 << 20, "Largest body of a REST request in bytes", 1024),
    Setting("http.streams", int, 8, "Streamed answers that one of these processes sends at the same time", 1, 1024),
    Setting("http.connections", int, 1000, "Maximum open connections of one of these processes", 32, 65536),
    Setting("http.proxies", str, "", "Proxies whose X-Forwarded-For is trusted; addresses or networks"),
    Setting(
        "http.keys", float, 86_400.0, "Seconds for which a call with an Idempotency-Key is executed only once", 1.0
    ),
    Setting("http.origins", str, "", "Origins whose scripts may call the API, such as https://example.org; * for all"),
    Setting("compute.cache", str, "", "Directory for compiled code; empty means the user's cache directory"),
    Setting("compute.placement", str, "first", "Host for new clusters: first (that can), least_loaded, or a name"),
    Setting("limits.network_memory", int, 0, "Bytes that a network may take; 0 means half of the machine", 0),
    Setting("limits.task_memory", int, 0, "Bytes of values that a task may copy; 0 means a quarter of the machine", 0),
    Setting("log.level", str, "info", "Log level: debug, info, warning or error"),
    Setting(
        "processes.silence",
        float,
        20.0,
        "Seconds without a sign of life after which a process counts as hung",
        1.0,
        3600.0,
    ),
    Setting("queue.lease", float, 10.0, "Seconds after which a silent worker loses its task", 1.0, 3600.0),
    Setting("queue.silence", float, 600.0, "Seconds without a step after which a task counts as hung", 1.0),
    Setting("queue.background", int, 2, "Tasks of a user without a compute host that run at the same time", 1, 1024),
    Setting("queue.store", float, 5.0, "Seconds between two stored states of a running training", 0.05, 3600.0),
    Setting("sockets.limit", int, 1024, "Websockets that one host serves at the same time", 1, 65536),
    Setting("sockets.memory", int, 1 << 28, "Bytes of unfinished messages on all websockets of one host", 1 << 24),
    Setting("sockets.user_memory", int, 1 << 26, "Bytes of unfinished messages on all websockets of a user", 1 << 24),
    Setting("sockets.timeout", float, 30.0, "Seconds that a websocket has for its first message", 0.1, 3600.0),
    Setting(
        "sockets.busy_poll",
        float,
        0.0005,
        "Seconds that a host stays awake for the next frame where frames come faster than that; 0 means never",
        0.0,
        0.1,
    ),
    Setting("storage.database", str, "sqlite", "Name of the database to use, as its plugin calls it"),
    Setting("storage.blobs", str, "files", "Name of the store for new blobs, as its plugin calls it"),
    Setting("storage.reserve", int, -1, "Disk bytes to keep free; -1 means 256 MB, or 5 % of a small disk", -1),
    Setting(
        "queue.workers",
        int,
        0,
        "Tasks of a user that a host runs at the same time; 0 means one more than cores",
        0,
        1024,
    ),
)


class Settings(Mapping[str, Value]):
    """Resolved settings: values by full name. `sources` says where each value comes from, by name."""

    def __init__(
        self, data_dir: Path, specs: Mapping[str, Setting], values: Mapping[str, Value], sources: Mapping[str, str]
    ) -> None:
        """Freeze the given values."""
        self.data_dir = data_dir
        self.specs = dict(specs)
        self.sources = dict(sources)
        self._resolved = dict(values)

    def __getitem__(self, name: str) -> Any:
        """Return a value by its full name."""
        return self._resolved[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._resolved)

    def __len__(self) -> int:
        """Return the number of settings."""
        return len(self._resolved)


def load_settings(
    data_dir: Path,
    specs: Iterable[Setting],
    environ: Mapping[str, str],
    flags: Mapping[str, object],
    absent: Collection[str] = (),
) -> Settings:
    """Resolve all settings.

    Args:
        data_dir: data directory; ``hanami.toml`` is looked for there.
        specs: every setting that core and plugins declare.
        environ: environment of the process.
        flags: values of command line flags by full name; None means not given.
        absent: sections of plugins that do not work, so that nobody knows which settings they have.

    Raises:
        SettingsError: if a name is unknown, a value is wrong or the file cannot be read.
    """
    known = {spec.name: spec for spec in specs}
    values: dict[str, Value] = {name: spec.default for name, spec in known.items()}
    sources = dict.fromkeys(known, "default")
    file = data_dir / "hanami.toml"
    variables = {spec.variable: environ[spec.variable] for spec in known.values() if spec.variable in environ}
    by_variable = {spec.variable: name for name, spec in known.items()}
    layers: list[tuple[str, Mapping[str, object]]] = [
        (str(file), _read_toml(file)),
        ("environment", {by_variable[key]: value for key, value in variables.items()}),
        ("flag", {name: value for name, value in flags.items() if value is not None}),
    ]
    for source, layer in layers:
        for name, value in layer.items():
            if name not in known and name.partition(".")[0] in absent:
                continue
            if name not in known:
                raise SettingsError(f"{source}: unknown setting {name}{_hint(name, known)}")
            values[name] = known[name].convert(value, source)
            sources[name] = f"{source} {known[name].variable}" if source == "environment" else source
    return Settings(data_dir, known, values, sources)


def cache_directory(settings: Mapping[str, Value], environ: Mapping[str, str]) -> Path:
    """Return where compiled code is kept: it outlives a data directory, so that a second server starts quickly."""
    given = str(settings["compute.cache"])
    if given:
        return Path(given).absolute()
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "hanami"


def plugins_directory() -> Path | None:
    """Return the folder with plugins that are single files, or one such file; None if there is none."""
    given = os.environ.get(PLUGINS_DIR)
    return Path(given).absolute() if given else None


def traces_hooks() -> bool:
    """Tell whether each call of a hook is to be logged.

    Raises:
        SettingsError: if the variable is neither true nor false.
    """
    return bool(Setting("trace.hooks", bool, False, "").convert(os.environ.get(TRACE_HOOKS) or "0", TRACE_HOOKS))


def _read_toml(file: Path) -> dict[str, object]:
    if not file.exists():
        return {}
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file}: {error}") from error
    flat: dict[str, object] = {}
    for section, content in tree.items():
        if not isinstance(content, dict):
            raise SettingsError(f"{file}: '{section}' stands outside of a [section]")
        flat.update({f"{section}.{key}": value for key, value in content.items()})
    return flat


def _hint(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f", did you mean {close[0]}?"
    section = name.partition(".")[0]
    missing = not any(other.startswith(f"{section}.") for other in known)
    return f", no installed plugin is called '{section}'" if missing else ""
