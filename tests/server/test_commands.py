"""The commands of operators, as programs."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import docopt
import pytest

from hanami_server.commands import config, doctor, hanami_cli_commands, init, plugins, serve
from tests.server.conftest import GROUPS, HERE, PLUGINS
from tests.server.forks import hanami
from tests.server.harness import environment, install


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def run(env, data_dir, *argv):
    command, *rest = argv
    return hanami(command, *rest, "--data-dir", str(data_dir), env=env)


# -- init --------------------------------------------------------------------------------------------------------------


def test_init_makes_a_private_directory_and_may_be_repeated(env, data_dir):
    for _ in range(2):
        done = run(env, data_dir, "init")
        assert (done.returncode, done.stdout.strip()) == (0, f"{data_dir} is ready"), done.stderr
    assert data_dir.stat().st_mode & 0o077 == 0
    assert (data_dir / "hanami.db").exists()


@pytest.mark.parametrize("prefix", ["HANAMI_ADMIN_", "HANAMI_ADMIN_USER_"])
def test_init_creates_the_first_admin_from_the_environment(env, data_dir, prefix):
    names = {f"{prefix}ID": "boss", f"{prefix}NAME": "The Boss", "HANAMI_ADMIN_PASSPHRASE": "canary-7391"}
    done = run(env | names | {"HANAMI_SERVER_STUB_ADMIN": "0"}, data_dir, "init")
    assert (done.returncode, done.stdout.strip()) == (0, f"{data_dir} is ready, the first admin is boss"), done.stderr
    assert (data_dir / "first-admin").read_text() == "boss The Boss"
    assert "canary" not in done.stdout + done.stderr


def test_init_without_a_terminal_says_what_is_missing(env, data_dir):
    done = run(env | {"HANAMI_SERVER_STUB_ADMIN": "0", "HANAMI_ADMIN_ID": "boss"}, data_dir, "init")
    assert (done.returncode, done.stderr.strip()) == (1, "Name of the first admin is missing, set HANAMI_ADMIN_NAME")


def test_the_data_directory_comes_from_the_environment(env, data_dir):
    done = hanami("init", env=env | {"HANAMI_DATA_DIR": str(data_dir)})
    assert done.stdout.strip() == f"{data_dir} is ready"


# -- config ------------------------------------------------------------------------------------------------------------


def test_config_tells_values_and_sources(env, data_dir):
    data_dir.mkdir()
    (data_dir / "hanami.toml").write_text("[http]\nport = 1234\n")
    done = run(env | {"HANAMI_HTTP_THREADS": "3"}, data_dir, "config", "--json", "--set", "http.workers=2")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert (rows["http.port"]["value"], rows["http.port"]["source"]) == (1234, str(data_dir / "hanami.toml"))
    assert (rows["http.threads"]["value"], rows["http.threads"]["source"]) == (3, "environment HANAMI_HTTP_THREADS")
    assert (rows["http.workers"]["value"], rows["http.workers"]["source"]) == (2, "flag")
    assert rows["server_stub.key"]["value"] == "********"
    assert rows["log.level"]["help"]


def test_config_is_a_table_with_a_line_for_each_setting(env, data_dir):
    lines = run(env, data_dir, "config").stdout.splitlines()
    assert lines[0].split() == ["name", "value", "source", "help"]
    assert next(line for line in lines if line.startswith("server_stub.key")).split()[1] == "********"
    assert "sesame" not in "".join(lines)
    assert not data_dir.exists()


def test_config_reports_a_broken_file_in_one_line(env, data_dir):
    data_dir.mkdir()
    (data_dir / "hanami.toml").write_text("[http]\nprot = 1\n")
    done = run(env, data_dir, "config")
    assert done.returncode == 1
    assert done.stderr.strip() == f"{data_dir / 'hanami.toml'}: unknown setting http.prot, did you mean http.port?"


# -- plugins -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def wrecked(tmp_path: Path) -> dict[str, str]:
    """Environment in which every plugin is broken."""
    groups = GROUPS | {"hanami.plugins": dict.fromkeys([*PLUGINS, "extra"], "no_such_module")}
    return environment(install(tmp_path / "wreck", groups), HERE)


def test_plugins_are_listed_with_what_is_known_of_them(env, data_dir):
    done = run(env, data_dir, "plugins", "--json")
    listed = {plugin["name"]: plugin for plugin in json.loads(done.stdout)}
    assert listed.keys() == PLUGINS.keys()
    assert listed["server_stub"]["state"] == "active"
    assert "hanami_routes" in listed["server_stub"]["hooks"]
    assert listed["database_sqlite"]["essential"] is False
    header, *lines = run(env, data_dir, "plugins").stdout.splitlines()
    assert header.split() == ["name", "distribution", "version", "state", "hooks", "reason"]
    assert [line.split()[0] for line in lines] == sorted(PLUGINS)


@pytest.mark.long
def test_plugins_works_with_every_plugin_broken(wrecked, data_dir):
    listed = json.loads(run(wrecked, data_dir, "plugins", "--json").stdout)
    assert {plugin["state"] for plugin in listed} == {"broken"}
    assert {plugin["reason"] for plugin in listed} == {"ModuleNotFoundError: No module named 'no_such_module'"}
    assert run(wrecked, data_dir, "plugins", "disable", "extra").stdout.strip() == "plugin extra is disabled"
    states = {
        plugin["name"]: plugin["state"] for plugin in json.loads(run(wrecked, data_dir, "plugins", "--json").stdout)
    }
    assert states["extra"] == "disabled"


def test_a_plugin_can_be_switched_off_and_on(env, data_dir):
    assert run(env, data_dir, "plugins", "disable", "server_stub").returncode == 0
    done = run(env, data_dir, "init")
    assert (done.returncode, done.stderr.strip()) == (1, "no plugin authenticates users; see 'hanami plugins'")
    assert run(env, data_dir, "plugins", "enable", "server_stub").returncode == 0
    assert run(env, data_dir, "init").returncode == 0


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["disable", "server_stab"], "there is no plugin server_stab, did you mean server_stub?"),
        (["enable", "xyz"], "there is no plugin xyz"),
    ],
)
def test_what_can_not_be_switched_says_why(env, data_dir, argv, error):
    done = run(env, data_dir, "plugins", *argv)
    assert (done.returncode, done.stderr.strip()) == (1, error)


def test_an_essential_plugin_can_not_be_switched_off(tmp_path, data_dir):
    folder = install(tmp_path / "more", GROUPS | {"hanami.plugins": PLUGINS | {"vital": "vital"}})
    (folder / "vital.py").write_text("essential = True\n")
    done = run(environment(folder, HERE), data_dir, "plugins", "disable", "vital")
    error = "plugin vital is essential, without it the server cannot start"
    assert (done.returncode, done.stderr.strip()) == (1, error)


@pytest.mark.parametrize(
    ("setting", "plugin", "what"),
    [
        ("storage.database", "database_sqlite", "a database"),
        ("storage.blobs", "blobs_files", "a blob store"),
    ],
)
def test_without_the_chosen_storage_nothing_starts(env, data_dir, setting, plugin, what):
    variable = "HANAMI_" + setting.upper().replace(".", "_")
    done = run(env | {variable: "cloud"}, data_dir, "init")
    known = {"storage.database": "sqlite", "storage.blobs": "files"}[setting]
    line = f"{setting} is '{{}}', but no plugin brings {what} of that name; known: {{}}"
    assert (done.returncode, done.stderr.strip()) == (1, line.format("cloud", known))
    assert run(env, data_dir, "plugins", "disable", plugin).returncode == 0
    done = run(env, data_dir, "init")
    off = f" ({plugin}: disabled by the operator)"
    assert (done.returncode, done.stderr.strip()) == (1, line.format(known, "none") + off)


# -- doctor ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def patient(env, data_dir) -> Path:
    """Data directory with two blobs, which a table names that no plugin brings."""
    assert run(env, data_dir, "init").returncode == 0
    code = (
        "import sys, pathlib\n"
        "from hanami_core.runtime import Runtime\n"
        "runtime = Runtime.open(pathlib.Path(sys.argv[1]), 'migrate')\n"
        "ask = runtime.database.driver.execute_sql\n"
        "ask('create table keeper (content varchar(36))')\n"
        "for text in ('one', 'two'):\n"
        "    with runtime.blobs.staging() as path:\n"
        "        path.write_text(text)\n"
        "        ask('insert into keeper values (?)', [runtime.blobs.link(path)])\n"
        "runtime.close()\n"
    )
    subprocess.run([sys.executable, "-P", "-c", code, str(data_dir)], env=env, check=True)
    return data_dir


def findings(env, data_dir) -> tuple[int, list[tuple[str, str]]]:
    done = run(env, data_dir, "doctor", "--json")
    report = json.loads(done.stdout)
    return done.returncode, [(item["where"], item["what"]) for item in report["findings"]]


def blobs(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "blobs").glob("*/*"))


def test_doctor_is_content_with_a_sound_directory(env, patient):
    done = run(env, patient, "doctor")
    assert (done.returncode, done.stdout.strip()) == (0, "2 blobs checked, no problems found")


def test_doctor_finds_changed_and_missing_and_unknown_files(env, patient):
    changed, missing = blobs(patient)
    changed.write_bytes(b"off")
    unknown = patient / "blobs" / "00" / "00000000-0000-0000-0000-000000000000"
    unknown.parent.mkdir(mode=0o700, exist_ok=True)
    missing.rename(unknown)
    code, found = findings(env, patient)
    assert code == 1
    assert dict(found) == {
        f"blob {changed.name}": f"blob {changed.name} was changed after it had been stored",
        f"blob {missing.name}": f"blob {missing.name} is missing",
        "blob 00000000-0000-0000-0000-000000000000": (
            "nothing refers to this file; the next start of the server moves it to lost+found"
        ),
    }


def test_doctor_finds_a_damaged_table(env, patient):
    with contextlib.closing(sqlite3.connect(patient / "hanami.db")) as database:
        database.execute("alter table note rename column value to worth")
    code, found = findings(env, patient)
    assert code == 1
    assert [where for where, _ in found] == ["table note"]


def test_doctor_tells_which_store_is_missing(env, patient):
    far, _ = blobs(patient)
    with contextlib.closing(sqlite3.connect(patient / "hanami.db")) as database:
        database.execute("update blob set store = 'bucket' where uuid = ?", [far.name])
        database.commit()
    far.unlink()
    assert findings(env, patient) == (
        1,
        [
            (f"blob {far.name}", f"blob {far.name} lies in the blob store 'bucket', which no plugin brings"),
            ("blob store bucket", "no plugin brings the blob store 'bucket'"),
        ],
    )


def test_doctor_wants_a_directory(env, data_dir):
    done = run(env, data_dir, "doctor")
    assert (done.returncode, done.stderr.strip()) == (1, f"there is no data directory {data_dir}")
    assert not data_dir.exists()


# -- usage -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["init", "serve", "config", "plugins", "doctor"])
def test_usage(capsys, name):
    command = next(command for command in hanami_cli_commands() if command.name == name)
    with pytest.raises(SystemExit) as asked:
        command.run(["--help"])
    assert asked.value.code in (0, None)
    assert f"hanami {name}" in capsys.readouterr().out
    with pytest.raises(docopt.DocoptExit):
        command.run(["--no-such-option"])


def test_a_wrong_command_line_ends_with_2_and_says_what_is_wrong(env):
    for argv, complaint in (
        (["serve", "--no-such-option"], "unknown flag: --no-such-option"),
        (["init", "--admin=me"], "unknown flag: --admin=me"),
        (["config", "--set", "x"], "--set x: expected NAME=VALUE"),
        (["plugins", "disable"], "these arguments do not fit: disable"),
    ):
        wrong = hanami(*argv, env=env)
        assert wrong.returncode == 2
        assert wrong.stderr.startswith(f"Error: {complaint}\nUsage:\n")
        assert "Traceback" not in wrong.stderr


@pytest.mark.parametrize("command", [config, doctor, init, plugins, serve], ids=lambda command: command.__name__)
def test_no_option_is_described_twice(command):
    """A line of prose that begins with an option would be another one to docopt."""
    found = [line.split()[0] for line in command.USAGE.splitlines() if line.lstrip().startswith("-")]
    assert sorted(found) == sorted(set(found))
