"""A checkpoint that came as a file tells what made its network, and that this happened elsewhere."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from hanami_core.errors import InvalidFile
from hanami_core.network import NetworkState
from hanami_plugins.checkpoints import Checkpoint, origin
from hanami_plugins.checkpoints.origin import Origin
from hanami_plugins.checkpoints.portable import prelude_of, read_prelude
from hanami_plugins.clusters.models import Training
from tests.plugins.home_kit import LINE, ROWS, Home, points

pytestmark = pytest.mark.timeout(300)

ORIGIN = ("cluster_uuid", "cluster_name", "task_uuid", "task_name", "cycles", "metrics", "seed", "version")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with Home(tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest.fixture(scope="module")
def checkpoint(home: Home) -> str:
    return home.trained(home.table("points", points()), LINE, "flat")


@pytest.fixture(scope="module")
def file(home: Home, checkpoint: str) -> bytes:
    return home.download(checkpoint)


def shown(home: Home, checkpoint: str) -> dict[str, Any]:
    return dict(home.ok("GET", "checkpoint", uuid=checkpoint, details="true"))


def changed(file: bytes, change: Any) -> bytes:
    """Return a file with right hashes and another lineage: what `change` makes of its JSON."""
    prelude = read_prelude(io.BytesIO(file), len(file))
    body, header = file[prelude.length :], prelude.header
    lineage = msgspec.to_builtins(header.lineage)
    raw = msgspec.json.encode(change(lineage) or lineage)
    head = NetworkState.read(io.BytesIO(body)).head
    plain = prelude_of(header.name, head, header.rules.version, header.size, header.sha256)
    return resealed(plain, b',"lineage":' + raw + b"}") + body


def resealed(prelude: bytes, ending: bytes) -> bytes:
    """Return what stands before the body, with another end of its header."""
    import hashlib

    text = prelude[16:-32].removesuffix(b"}") + ending
    start = prelude[:12] + len(text).to_bytes(4, "little") + text
    return start + hashlib.sha256(start).digest()


def test_what_was_saved_tells_seed_and_version(home: Home, checkpoint: str, file: bytes) -> None:
    told = shown(home, checkpoint)
    cluster = home.ok("GET", "cluster", uuid=told["cluster_uuid"], details="true")
    assert (told["seed"], told["version"], told["imported"]) == (cluster["seed"], cluster["version"], False)
    assert [one["imported"] for one in told["trainings"]] == [False]
    assert read(file).trainings[0].datasets[0].name == "points"


def read(file: bytes) -> Origin:
    found = read_prelude(io.BytesIO(file), len(file)).header.lineage
    assert found is not None
    return found


def test_an_imported_checkpoint_tells_what_made_it(home: Home, checkpoint: str, file: bytes) -> None:
    before, uuid = shown(home, checkpoint), home.upload(file, "summer")
    told = shown(home, uuid)
    assert told["imported"] is True
    assert {name: told[name] for name in ORIGIN} == {name: before[name] for name in ORIGIN}
    assert told["number_of_trainings"] == 1
    assert told["trainings"] == [one | {"imported": True} for one in before["trainings"]]
    assert home.download(uuid) == file, "the way home is the same file"
    cluster = home.cluster(LINE, "elsewhere")
    home.restore(cluster, uuid)
    home.train(cluster, home.table("more points", points()), "x", "y")
    lessons = home.ok("GET", "cluster", uuid=cluster, details="true")["trainings"]
    assert [(one["number"], one["imported"]) for one in lessons] == [(1, True), (2, False)]
    further = read(home.download(home.save(cluster)))
    assert [[dataset.name for dataset in one.datasets] for one in further.trainings] == [["points"], ["more points"]]
    home.ok("DELETE", "checkpoint", uuid=uuid)
    assert not Training.select().where(Training.holder == uuid).exists()


def test_a_file_without_a_lineage_still_becomes_a_checkpoint(home: Home, file: bytes) -> None:
    prelude = read_prelude(io.BytesIO(file), len(file))
    body, header = file[prelude.length :], prelude.header
    head = NetworkState.read(io.BytesIO(body)).head
    old = prelude_of(header.name, head, header.rules.version, header.size, header.sha256) + body
    assert b"lineage" not in old[:4096]
    uuid = home.upload(old, "summer")
    told = shown(home, uuid)
    assert (told["imported"], told["seed"], told["cycles"]) == (True, head.seed, ROWS)
    assert (told["version"], told["cluster_uuid"], told["task_name"], told["trainings"]) == (None, "", "", [])
    assert home.download(uuid) == old
    home.ok("DELETE", "checkpoint", uuid=uuid)


def first(**values: Any) -> Any:
    def change(lineage: Any) -> None:
        lineage["trainings"][0] |= values

    return change


DAMAGED = [
    (first(rows=-1), "Expected `int` >= 0 - at `$.lineage.trainings[0].rows`"),
    (first(rows=1 << 63), "$.lineage.trainings[0].rows"),
    (first(task_uuid="../../etc"), "$.lineage.trainings[0].task_uuid"),
    (first(name="a\x1b[2Jb"), "$.lineage.trainings[0].name"),
    (first(ended_at=1e300), "$.lineage.trainings[0].ended_at"),
    (first(datasets=[{"uuid": "x", "name": "x"}]), "$.lineage.trainings[0].datasets[0].uuid"),
    (first(settings={"epochs": [1]}), "$.lineage.trainings[0].settings"),
    (first(settings={str(number): 1 for number in range(65)}), "$.lineage.trainings[0].settings"),
    (first(colour="red"), "unknown field `colour`"),
    (first(number=0), "trainings are counted from 1 on"),
    (lambda lineage: lineage | {"metrics": {"blocks": "many"}}, "$.lineage.metrics[...]"),
    (lambda lineage: lineage | {"version": 1 << 31}, "$.lineage.version"),
    (lambda lineage: lineage | {"trainings": lineage["trainings"] * 2}, "training 1 comes after training 1"),
    (lambda lineage: lineage | {"trainings": lineage["trainings"] * 1001}, "$.lineage.trainings"),
    (lambda lineage: {"trainings": []}, "missing required field"),
    (lambda lineage: [lineage], "Expected `object | null`, got `array` - at `$.lineage`"),
]


@pytest.mark.parametrize(("change", "reason"), DAMAGED, ids=[reason for _, reason in DAMAGED])
def test_a_damaged_lineage_is_refused_with_the_reason(home: Home, file: bytes, change: Any, reason: str) -> None:
    content = changed(file, change)
    with pytest.raises(InvalidFile, match="checkpoint file breaks a rule: ") as caught:
        read_prelude(io.BytesIO(content), len(content))
    assert reason in str(caught.value)
    before = Checkpoint.active().count(), Training.select().count()
    files = home.announce(content)
    answer = home.call("PUT", "checkpoint/upload", **files)
    assert (answer.status_code, answer.text) == (400, str(caught.value))
    home.ok("DELETE", "checkpoint", uuid=files["uuid"])
    assert (Checkpoint.active().count(), Training.select().count()) == before


def test_a_lineage_that_fits_is_taken_as_it_is(home: Home, file: bytes) -> None:
    content = changed(file, first(name="Größe #1", rows=5, settings={"epochs": 3, "seed": None, "validation": 0.25}))
    uuid = home.upload(content, "summer")
    lesson = shown(home, uuid)["trainings"][0]
    assert (lesson["name"], lesson["rows"]) == ("Größe #1", 5)
    assert lesson["settings"] == {"epochs": 3, "seed": None, "validation": 0.25}
    home.ok("DELETE", "checkpoint", uuid=uuid)


def test_of_a_long_lineage_the_end_is_told(home: Home, checkpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Checkpoint.get(Checkpoint.uuid == checkpoint)
    (lesson,) = Training.select().where(Training.holder == checkpoint).dicts()
    lesson.pop("id")
    for number in range(2, 251):
        Training.create(**lesson | {"number": number})
    found = origin.origin_of(row, 1 << 20)
    assert found is not None
    assert [one.number for one in found.trainings] == list(range(1, 251))
    monkeypatch.setattr(origin, "MOST_TRAININGS", 200)
    assert [one.number for one in told(row, 1 << 20).trainings] == list(range(51, 251))
    assert [one.number for one in told(row, 800).trainings] == [249, 250]
    again = home.upload(home.download(checkpoint), "summer")
    assert shown(home, again)["number_of_trainings"] == 250
    assert shown(home, again)["trainings"][0]["number"] == 151
    home.ok("DELETE", "checkpoint", uuid=again)
    Training.delete().where((Training.holder == checkpoint) & (Training.number > 1)).execute()


def told(checkpoint: Checkpoint, room: int) -> Origin:
    found = origin.origin_of(checkpoint, room)
    assert found is not None
    return found
