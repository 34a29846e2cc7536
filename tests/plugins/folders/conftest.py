"""An application that tests of folders share as long as they do it no harm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hanami_core.access import Access
from hanami_core.runtime import Runtime
from hanami_plugins import folders
from hanami_plugins.folders import Folder, FolderInvitation, FolderPermission, FolderUpload
from hanami_plugins.folders.opening import storage_of
from hanami_plugins.quotas.models import Quota
from tests.plugins.backendai_kit import Keys, SignedClient, new_keys
from tests.plugins.folders.kit import GRACE, of
from tests.plugins.folders.wire import answered
from tests.whole import Whole


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with Whole(tmp_path_factory.mktemp("folders") / "data") as opened:
        for user, project, place in (
            ("grace", "room", {}),
            ("alan", "room", {}),
            ("boss", "room", {"is_project_admin": True}),
            ("eve", "attic", {}),
        ):
            opened.member(user, project, **place)
        yield opened


@pytest.fixture
def whole(shared: Whole) -> Iterator[Whole]:
    """The application, without folders and limits that other tests have made."""
    yield shared
    for model in (Folder, FolderPermission, FolderInvitation, FolderUpload, Quota):
        model.delete().execute()
    storage = storage_of(shared.runtime, "files")
    for folder in list(storage.folders()):
        storage.remove(folder)
    for upload in list(storage.uploads()):
        storage.discard(upload)


@pytest.fixture
def runtime(whole: Whole) -> Runtime:
    return whole.runtime


@pytest.fixture
def grace(runtime: Runtime) -> Access:
    return of(runtime, GRACE)


@pytest.fixture
def folder(runtime: Runtime, grace: Access) -> Folder:
    return folders.create_folder(runtime, grace, "texts")


# -- clients of Backend.AI -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pairs(shared: Whole) -> dict[str, Keys]:
    """Pairs of keys by user; the chief is the admin."""
    users = ("grace", "alan", "boss", "eve")
    return {name: new_keys(shared, shared.login(name)) for name in users} | {"chief": new_keys(shared)}


@pytest.fixture(scope="module")
def known(shared: Whole, pairs: dict[str, Keys]) -> Callable[[str], SignedClient]:
    """Return what returns the client of a user."""
    return lambda name: SignedClient(shared, pairs[name])


@pytest.fixture
def client(whole: Whole, known: Callable[[str], SignedClient]) -> SignedClient:
    return known("grace")


@pytest.fixture
def texts(client: SignedClient) -> dict[str, Any]:
    return answered(client.call("POST", "/folders", name="texts"), 201)
