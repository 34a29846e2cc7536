"""Folders that clients of Backend.AI share: invitations, and folders of groups."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.plugins.backendai_kit import SignedClient
from tests.plugins.folders.wire import (
    answered,
    problem,
    send,
)
from tests.whole import Whole


@pytest.mark.usefixtures("texts")
def test_an_invitation_is_accepted_and_the_folder_left(
    whole: Whole, client: SignedClient, known: Callable[[str], SignedClient]
) -> None:
    alan, eve = known("alan"), known("eve")
    invited = answered(client.call("POST", "/folders/texts/invite", user_ids=["alan", "nobody"], perm="ro"), 201)
    assert invited == {"invited_ids": ["alan"]}
    [invitation] = answered(alan.call("GET", "/folders/invitations/list"))["invitations"]
    shown = {"inviter": "grace", "invitee": "alan", "perm": "ro", "state": "pending", "vfolder_name": "texts"}
    assert shown.items() <= invitation.items()
    assert problem(eve.call("POST", "/folders/invitations/accept", inv_id=invitation["id"]))[0] == 404
    assert answered(alan.call("POST", "/folders/invitations/accept", inv_id=invitation["id"])) == {}
    info = answered(alan.call("GET", "/folders/texts"))
    assert (info["permission"], info["is_owner"]) == ("ro", False)
    refused = alan.call("POST", "/folders/texts/request-upload", path="a", size=1)
    assert problem(refused) == (403, "generic-forbidden")
    assert problem(alan.call("POST", "/folders/texts/clone", target_name="mine")) == (403, "generic-forbidden")
    assert problem(alan.call("POST", "/folders/texts/rename", new_name="mine")) == (403, "generic-forbidden")
    assert problem(client.call("POST", "/folders/texts/leave")) == (400, "vfolder-operation-failed")
    assert "msg" in answered(alan.call("POST", "/folders/texts/leave"))
    assert answered(alan.call("GET", "/folders")) == []


@pytest.mark.usefixtures("texts")
def test_an_invitation_is_declined_or_cancelled(client: SignedClient, known: Callable[[str], SignedClient]) -> None:
    alan = known("alan")
    for who in (alan, client):
        answered(client.call("POST", "/folders/texts/invite", user_ids=["alan"], perm="rw"), 201)
        [invitation] = answered(alan.call("GET", "/folders/invitations/list"))["invitations"]
        assert answered(who.call("DELETE", "/folders/invitations/delete", inv_id=invitation["id"])) == {}
        assert answered(alan.call("GET", "/folders/invitations/list")) == {"invitations": []}
        assert problem(alan.call("POST", "/folders/invitations/accept", inv_id=invitation["id"]))[0] == 404


def test_a_group_folder_belongs_to_the_project(
    whole: Whole, client: SignedClient, known: Callable[[str], SignedClient]
) -> None:
    boss, eve = known("boss"), known("eve")
    made = answered(boss.call("POST", "/folders", name="common", group="room", permission="ro"), 201)
    assert (made["ownership_type"], made["user"], made["permission"]) == ("group", None, "ro")
    info = answered(client.call("GET", "/folders/common"))
    assert (info["type"], info["permission"], info["is_owner"]) == ("group", "ro", False)
    assert answered(boss.call("GET", "/folders/common"))["is_owner"] is True
    assert problem(eve.call("GET", "/folders/common")) == (404, "object-not-found")
    shared = boss.call("POST", "/folders/common/share", emails=["grace", "eve"], permission="rw")
    assert answered(shared, 201) == {"shared_emails": ["grace"]}
    send(whole, client, "file", b"1", "common")
    assert problem(client.call("DELETE", "/folders/common")) == (403, "generic-forbidden")
    unshared = boss.call("DELETE", "/folders/common/unshare", emails=["grace", "eve"])
    assert answered(unshared) == {"unshared_emails": ["grace"]}
    refused = client.call("POST", "/folders/common/request-upload", path="a", size=1)
    assert problem(refused) == (403, "generic-forbidden")
    [listed] = answered(client.call("GET", "/folders"))
    assert (listed["group_name"], listed["group"]) == ("room", made["group"])


def test_an_admin_creates_folders_of_any_group(known: Callable[[str], SignedClient], whole: Whole) -> None:
    made = answered(known("chief").call("POST", "/folders", name="theirs", group="attic"), 201)
    found = answered(known("eve").call("GET", "/folders/theirs"))
    assert (found["group"], found["type"]) == (made["group"], "group")
