"""Native routes of key pairs."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.http import Call, Empty, Listing, Paging, Route, RouteGroup, listing, rows_like
from hanami_core.ids import AnyProject, AnyUser, Id, Name, UserId
from hanami_core.keys import Sealer
from hanami_plugins.keypairs import service
from hanami_plugins.keypairs.models import KeyPair

PATH = "/keypair"
GROUP = RouteGroup("keypairs", "Create keys that sign the requests of programs, and withdraw them.", 730)
LIST_HEADER = ("created_at", "access_key", "owner_id", "project_id", "is_active", "last_used_at", "description")
EXAMPLE_KEY = "AKIAIOSFODNN7EXAMPLE"
EXAMPLE_SECRET = "wJalrXUtnFEMI_K7MDENG-bPxRfiCYEXAMPLEKEY"  # noqa: S105 - an example

AccessKey = Annotated[str, Meta(pattern=r"^AKIA[A-Z2-7]{16}$", min_length=20, max_length=20, examples=[EXAMPLE_KEY])]
AnyAccessKey = Annotated[str, Meta(examples=[EXAMPLE_KEY])]
Description = Annotated[Name, Meta(examples=["nightly builds"])]


class CreateKeyPair(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A new key pair.

    Attributes:
        user_id: id of the user whom the pair is for, for admins only; you if empty.
        project_id: id of the project that its requests work in, one that the user is a member of; the user's default
            project if empty.
        description: what the pair is for.
    """

    user_id: UserId = ""
    project_id: Id = ""
    description: Description = ""


class ByAccessKey(msgspec.Struct, forbid_unknown_fields=True):
    """A key pair.

    Attributes:
        access_key: access key of the pair.
    """

    access_key: AccessKey


class SetActive(msgspec.Struct, forbid_unknown_fields=True):
    """Whether a key pair may be used.

    Attributes:
        access_key: access key of the pair.
        is_active: whether requests may be signed with the pair.
    """

    access_key: AccessKey
    is_active: Annotated[bool, Meta(examples=[False])]


class KeyPairAnswer(msgspec.Struct):
    """A key pair without its secret key.

    Attributes:
        access_key: access key of the pair, which its requests name.
        created_at: when the pair was created, in UTC.
        description: what the pair is for.
        is_active: whether requests may be signed with the pair.
        last_used_at: when a request was last signed with the pair, in UTC, to the minute; `-` if never.
        owner_id: id of the user whom the pair identifies.
        project_id: id of the project that its requests work in.
    """

    access_key: AnyAccessKey
    created_at: Moment
    description: Annotated[str, Meta(examples=["nightly builds"])]
    is_active: Annotated[bool, Meta(examples=[True])]
    last_used_at: Moment
    owner_id: AnyUser
    project_id: AnyProject


class NewKeyPairAnswer(KeyPairAnswer):
    """A new key pair.

    Attributes:
        secret_key: secret key of the pair, which its requests are signed with; it is never shown again.
    """

    secret_key: Annotated[str, Meta(examples=[EXAMPLE_SECRET])]

    def __repr__(self) -> str:
        """Show no field, because a representation may end up in a log."""
        return f"{type(self).__name__}(...)"


KeyPairRow = rows_like(
    Listing,
    created_at="2026-03-14 09:26:53",
    access_key=EXAMPLE_KEY,
    owner_id="katherine",
    project_id="flower_shop",
    is_active=True,
    last_used_at="2026-03-15 08:00:00",
    description="nightly builds",
)


def routes(sealer: Sealer) -> list[Route]:
    """Return all routes; `sealer` encrypts the answers that contain a secret key where they are kept."""
    return GROUP.of(
        Route(
            "POST",
            PATH,
            "keypairs.create",
            CreateKeyPair,
            NewKeyPairAnswer,
            create,
            keyed=True,
            sealer=sealer,
            example=("description",),
        ),
        Route("GET", PATH, "keypairs.get", ByAccessKey, KeyPairAnswer, get),
        Route("DELETE", PATH, "keypairs.delete", ByAccessKey, Empty, delete),
        Route("GET", f"{PATH}/all", "keypairs.list", Paging, KeyPairRow, list_all),
        Route("PUT", f"{PATH}/active", "keypairs.set_active", SetActive, KeyPairAnswer, set_active),
    )


def create(call: Call, request: CreateKeyPair) -> NewKeyPairAnswer:
    """Create a key pair; the answer contains its secret key, which is never shown again."""
    made = service.create_keypair(
        call.runtime,
        call.access,
        user_id=request.user_id or None,
        project_id=request.project_id or None,
        description=request.description,
    )
    return NewKeyPairAnswer(*_fields(made.pair), made.secret_key)


def get(call: Call, request: ByAccessKey) -> KeyPairAnswer:
    """Return a key pair without its secret key."""
    return _answer(service.get_keypair(call.access, request.access_key))


def delete(call: Call, request: ByAccessKey) -> Empty:
    """Delete a key pair for good."""
    service.delete_keypair(call.access, request.access_key)
    return Empty()


def list_all(call: Call, request: Paging) -> Listing:
    """List your key pairs; an admin sees those of all users."""
    return listing(LIST_HEADER, service.list_keypairs(call.access), request)


def set_active(call: Call, request: SetActive) -> KeyPairAnswer:
    """Activate or deactivate a key pair; a pair that is not active identifies nobody from the next request on."""
    change = service.activate_keypair if request.is_active else service.deactivate_keypair
    return _answer(change(call.access, request.access_key))


def _answer(pair: KeyPair) -> KeyPairAnswer:
    return KeyPairAnswer(*_fields(pair))


def _fields(pair: KeyPair) -> tuple[str, Moment, str, bool, Moment, str, str]:
    created, used = Moment(pair.created_at), Moment(pair.last_used_at)
    return pair.access_key, created, pair.description, pair.is_active, used, pair.owner_id, pair.project_id
