"""F10: a stored network with a flipped bit, or cut off: found whenever it is used, and no number of it is believed."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from hanami_sdk import Client, HanamiException
from hanami_server.demo.scenario import TEMPLATE
from tests.faults.campaign import Campaign, times
from tests.local import LocalServer

COUNT = times(20, 1000)


def blob_of(server: LocalServer, checkpoint: str) -> Path:
    """Return the file of a checkpoint."""
    with sqlite3.connect(server.data_dir / "hanami.db") as db:
        (blob,) = db.execute("SELECT blob FROM checkpoint WHERE uuid = ?", (checkpoint,)).fetchone()
    return server.data_dir / "blobs" / str(blob)[:2] / str(blob)


def broken(content: bytes, chance: random.Random) -> bytes:
    """Return content with one bit flipped, or its end cut off now and then."""
    if chance.random() < 0.1:
        return content[: chance.randrange(len(content))]
    data = bytearray(content)
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


@pytest.mark.timeout(60 + COUNT)
def test_a_checkpoint_with_a_wrong_bit_is_never_restored(tmp_path: Path) -> None:
    chance = random.Random(10)
    with (
        LocalServer(tmp_path / "data") as server,
        Client(server.address, server.user, server.passphrase) as client,
        Campaign("F10", "one flipped bit, or a cut end, in the file of a checkpoint; then a restore") as campaign,
    ):
        source, target = (client.create_cluster(name, TEMPLATE) for name in ("source", "target"))
        saved = client.save(source, "saved")
        file = blob_of(server, saved.uuid)
        file.chmod(0o600)
        content = file.read_bytes()
        for _ in range(COUNT):
            file.write_bytes(broken(content, chance))
            campaign.repetitions += 1
            try:
                client.restore(target, saved)
            except HanamiException:
                campaign.survived += 1
            else:
                campaign.lost += 1
        assert campaign.lost == 0
        file.write_bytes(content)
        client.restore(target, saved)
        assert client.cluster(target.uuid).uuid == target.uuid
