"""Decoding: slow ones, those that fail, and what stops them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from playhouse.migrations import Runner

from hanami_core import decoding
from hanami_core.decoding import DecodeResult, Limits
from hanami_core.errors import BadRequest, Conflict
from hanami_core.queue import OPEN, Task, runner
from hanami_core.storage.blobs import Blob
from hanami_plugins import datasets, uploads
from hanami_plugins.datasets import (
    WAITING,
    Dataset,
    decode,
)
from tests.plugins.data import MEMBER, OTHER, Site, tree
from tests.plugins.datasets.kit import CSV, SlowDecoder, ready, refused, sent, stored
from tests.server.harness import until


def test_a_slow_table_is_answered_for_and_told_of_by_progress(hasty: Site, slow: SlowDecoder) -> None:
    announced = sent(hasty)
    uuid = announced["uuid"]
    assert hasty.finish("csv", announced) == {"uuid": uuid, "state": "decoding"}
    assert slow.begun.wait(20)
    arrived = {announced["uuid_input_file"]: len(CSV)}
    share = 100 * 7 / len(CSV)
    progress = hasty.call("GET", "/progress", uuid=uuid)
    assert progress == {
        "complete": True, "received": arrived, "uuid": uuid, "state": "decoding", "percentage": share
    }  # fmt: skip
    expected = f"Data-set with uuid '{uuid}' is being decoded, try again when that has ended"
    assert refused(hasty, Conflict, "GET", "/content", uuid=uuid, column_name="first") == expected
    slow.go_on.set()
    ready(hasty, uuid)
    assert hasty.call("GET", "/progress", uuid=uuid) == {"complete": True, "received": {}, "uuid": uuid}
    assert hasty.call("GET", "", uuid=uuid)["number_of_rows"] == 3


def test_progress_does_not_tell_of_files_that_become_a_table_meanwhile(
    hasty: Site, slow: SlowDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced = sent(hasty)
    uuid = announced["uuid"]
    hasty.finish("csv", announced)
    assert slow.begun.wait(20)
    listed = uploads.progress

    def interrupted(*arguments: Any) -> Any:
        files = listed(*arguments)
        slow.go_on.set()
        until(lambda: Dataset.get(Dataset.uuid == uuid).complete)
        return files

    monkeypatch.setattr(uploads, "progress", interrupted)
    assert hasty.call("GET", "/progress", uuid=uuid) == {"complete": True, "received": {}, "uuid": uuid}


def test_whoever_finalises_again_waits_for_the_same(site: Site, slow: SlowDecoder) -> None:
    announced = sent(site)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(site.finish("csv", announced))) for _ in range(2)]
    threads[0].start()
    assert slow.begun.wait(20)
    threads[1].start()
    until(lambda: site.runtime.stash[WAITING]._value == 6)  # type: ignore[attr-defined]
    slow.go_on.set()
    for thread in threads:
        thread.join(20)
    assert (answers, slow.calls) == ([{"uuid": announced["uuid"]}] * 2, 1)


def test_not_all_threads_wait_for_tables(tmp_path: Path, slow: SlowDecoder) -> None:
    with Site(tmp_path, http__threads=2) as site:
        first, second = sent(site), sent(site)
        waiting = threading.Thread(target=lambda: site.finish("csv", first))
        waiting.start()
        assert slow.begun.wait(20)
        answer = site.finish("csv", second, settles=False)
        assert answer == {"uuid": second["uuid"], "state": "decoding"}
        slow.go_on.set()
        waiting.join(20)
        ready(site, second["uuid"])


def test_those_who_upload_take_turns(hasty: Site, slow: SlowDecoder) -> None:
    order = [(MEMBER, sent(hasty)), (MEMBER, sent(hasty)), (OTHER, sent(hasty, actor=OTHER))]
    for actor, announced in order:
        hasty.finish("csv", announced, actor)
    # Two at a time: the first one of each.
    until(lambda: slow.calls == 2)
    states = [Task.get(Task.uuid == Dataset.get(Dataset.uuid == one["uuid"]).decoding).state for _, one in order]
    assert states == ["active", "queued", "active"]
    slow.go_on.set()
    until(lambda: not Task.select().where(Task.state.in_(OPEN)).exists())


def test_a_dataset_that_is_deleted_gives_its_decoding_up(hasty: Site, slow: SlowDecoder, tmp_path: Path) -> None:
    uuid = sent(hasty)["uuid"]
    hasty.finish("csv", {"uuid": uuid, "uuid_input_file": uploads.uploads_of(uuid)[0].uuid})
    assert slow.begun.wait(20)
    assert hasty.call("DELETE", "", uuid=uuid) == {}
    assert {task.state for task in Task.select()} == {"aborted"}
    slow.go_on.set()
    until(lambda: tree(tmp_path) == set())
    assert Blob.select().count() == 0


def test_what_was_refused_can_be_mended_and_finalised_again(site: Site) -> None:
    announced = sent(site, b"a\n1\nx\n")
    with pytest.raises(BadRequest) as caught:
        site.finish("csv", announced)
    progress = site.call("GET", "/progress", uuid=announced["uuid"])
    assert (progress["state"], progress["error"]) == ("refused", str(caught.value))
    assert progress["received"] == {announced["uuid_input_file"]: 6}
    site.send(announced["uuid_input_file"], b"a\n1\n2\n")
    site.finish("csv", announced)
    assert site.call("GET", "/content", uuid=announced["uuid"], column_name="a", number_of_rows=2)["data"] == [[1], [2]]
    assert "state" not in site.call("GET", "/progress", uuid=announced["uuid"])


def test_what_fails_for_another_reason_is_tried_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "FIRST_PAUSE", 0.01)
    real, calls = decoding.decode, []

    def failing(*arguments: Any) -> DecodeResult:
        calls.append(arguments)
        if len(calls) <= decode.RETRIES:
            raise OSError(24, "Too many open files", "/some/path")
        return real(*arguments)

    monkeypatch.setattr(decoding, "decode", failing)
    site.finish("csv", sent(site))
    assert len(calls) == decode.RETRIES + 1


def test_what_goes_on_failing_leaves_the_upload_as_it_is(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runner, "FIRST_PAUSE", 0.01)
    announced = sent(site)
    before = tree(tmp_path)

    def failing(*arguments: Any) -> DecodeResult:
        raise OSError(24, "Too many open files", "/some/path")

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "decode", failing)
        with pytest.raises(datasets.DecodingFailed, match=r"^Too many open files$"):
            site.finish("csv", announced)
    assert tree(tmp_path) == before
    progress = site.call("GET", "/progress", uuid=announced["uuid"])
    assert progress["error"] == "Too many open files"
    assert "state" not in progress
    site.finish("csv", announced)


def test_datasets_of_the_first_edition_have_a_state(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        done, waits = stored(site, {"a": 1}, [[1]]), site.announce("csv", input=CSV)["uuid"]
        migrations = Path(datasets.__file__).parent / "migrations"
        Runner(site.runtime.database.driver, str(migrations), "migrations_datasets").down("0002_states")
    with Site(tmp_path):
        assert Dataset.get(Dataset.uuid == done).state == "ready"
        assert Dataset.get(Dataset.uuid == waits).state == "uploading"


def test_settings_reach_the_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def note(*arguments: Any) -> DecodeResult:
        seen.extend(arguments)
        raise BadRequest("enough")

    monkeypatch.setattr(decoding, "decode", note)
    flags = {"datasets__decode_memory": 1 << 29, "datasets__decode_time": 7.0, "datasets__max_table": 1 << 25}
    with Site(tmp_path, **flags) as site:
        announced = site.announce("csv", input=CSV)
        site.send(announced["uuid_input_file"], CSV)
        with pytest.raises(BadRequest, match="enough"):
            site.finish("csv", announced)
    assert seen[:2] == ["hanami_plugins.format_csv", "csv"]
    assert seen[4] == Limits(1 << 29, 7.0, 1 << 25)
