"""Shares of a real server: nobody takes all websockets."""

from __future__ import annotations

import contextlib
import json

from hanami_sdk import Client
from tests.server.harness import until
from tests.service.test_hostile_sockets import opened, say
from tests.service.wire import Wire


def test_one_user_does_not_get_all_websockets(client: Client, wire: Wire, member: str) -> None:
    theirs = Wire(wire.address, member)
    announced = json.loads(theirs.body("POST", "dataset/upload/csv", {"name": "numbers", "input_data_size": 9}).text)
    first = {"token": member, "target": "file_upload", "uuid": announced["uuid_input_file"]}
    client.set_quota("sockets", 2, user_id="plain_member")
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(2):
                assert say(stack.enter_context(opened(wire)), first)["success"] is True
            refused = say(stack.enter_context(opened(wire)), first)
            assert refused["success"] is False
            assert refused["error"].startswith("The user 'plain_member' has 2 sockets, 2 are allowed")

        def again() -> bool:
            with opened(wire) as socket:
                return bool(say(socket, first)["success"])

        until(again)
    finally:
        client.reset_quotas(user_id="plain_member")
        theirs.query("DELETE", "dataset", uuid=announced["uuid"])
