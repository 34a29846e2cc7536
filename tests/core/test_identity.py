"""What a credential was issued for becomes an actor as long as it is still true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hanami_core.errors import Unauthorized
from hanami_core.identity import Account, Principal, ProjectMembership, membership_of

YUI = Account("yui", "Yui H", is_admin=False, mark="first")
HOME = ProjectMembership("home", "member", False, "place-1")
LAB = ProjectMembership("lab", "guest", True, "place-2")


class Directory:
    """One user, who works in some projects."""

    def __init__(self, account: Account | None, *places: ProjectMembership) -> None:
        self.account, self.places = account, places

    def has_admin(self) -> bool:
        return False

    def create_admin(self, id: str, name: str, secret: str) -> None:
        raise NotImplementedError

    def find(self, user_id: str) -> Account | None:
        return self.account if self.account is not None and self.account.id == user_id else None

    def verify(self, user_id: str, secret: str | bytes, address: str) -> Account:
        raise NotImplementedError

    def memberships(self, account: Account) -> Sequence[ProjectMembership]:
        return self.places


def test_a_principal_becomes_the_actor_that_user_and_membership_are_now() -> None:
    principal = Principal.of(YUI, LAB)
    promoted = replace(LAB, role="member")
    actor = principal.actor(Directory(replace(YUI, name="Yui"), HOME, promoted), "badge", {"generation": "2"})
    assert (actor.user_id, actor.name, actor.is_admin) == ("yui", "Yui", False)
    assert (actor.project_id, actor.role, actor.is_project_admin) == ("lab", "member", True)
    assert (actor.scheme, actor.attributes) == ("badge", {"generation": "2"})


@pytest.mark.parametrize(
    "provider",
    [
        None,
        Directory(None, LAB),
        Directory(replace(YUI, mark="second"), LAB),
        Directory(YUI),
        Directory(YUI, HOME),
        Directory(YUI, replace(LAB, uuid="place-3")),
        Directory(YUI, replace(LAB, project_id="home")),
    ],
    ids=["no provider", "no user", "another secret", "no place", "another place", "a later place", "moved"],
)
def test_a_principal_ends_with_what_it_was_issued_for(provider: Directory | None) -> None:
    with pytest.raises(Unauthorized, match="credential_invalid"):
        Principal.of(YUI, LAB).actor(provider, "badge")


LASTING = replace(Principal.of(YUI, LAB), uid="user-1")


def test_a_principal_with_a_uid_outlives_the_secret() -> None:
    later = replace(YUI, uid="user-1", mark="second")
    actor = LASTING.actor(Directory(later, LAB), "badge")
    assert actor.principal == replace(LASTING, mark="second")


@pytest.mark.parametrize("any_secret", [False, True])
@pytest.mark.parametrize(
    ("account", "places"),
    [(None, (LAB,)), (replace(YUI, uid="user-2"), (LAB,)), (YUI, (LAB,)), (replace(YUI, uid="user-1"), (HOME,))],
    ids=["no user", "a later user", "a provider without uids", "no place"],
)
def test_a_principal_with_a_uid_ends_with_user_and_place(
    account: Account | None, places: tuple[ProjectMembership, ...], any_secret: bool
) -> None:
    with pytest.raises(Unauthorized, match="credential_invalid"):
        LASTING.actor(Directory(account, *places), "badge", any_secret=any_secret)


def test_where_nobody_has_a_uid_the_mark_has_to_do() -> None:
    principal = replace(Principal.of(YUI, LAB), uid=YUI.lasting_mark)
    assert principal.actor(Directory(YUI, LAB), "badge").user_id == "yui"
    with pytest.raises(Unauthorized):
        principal.actor(Directory(replace(YUI, mark="second"), LAB), "badge")


def test_the_membership_that_is_named_is_taken_else_the_first() -> None:
    assert membership_of(Directory(YUI, HOME, LAB), YUI) is HOME
    assert membership_of(Directory(YUI, HOME, LAB), YUI, "lab") is LAB


def test_without_a_membership_it_is_told_which_is_missing() -> None:
    with pytest.raises(Unauthorized) as missing:
        membership_of(Directory(YUI), YUI)
    assert (missing.value.code, missing.value.parameters) == ("no_project_assigned", {"user": "yui"})
    with pytest.raises(Unauthorized) as other:
        membership_of(Directory(YUI, HOME), YUI, "lab")
    assert (other.value.code, other.value.parameters) == ("project_not_assigned", {"user": "yui", "project": "lab"})
