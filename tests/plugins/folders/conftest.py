"""An application that tests of folders share as long as they do it no harm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hanami_core.access import Access
from hanami_core.runtime import Runtime
from hanami_plugins import folders
from hanami_plugins.folders import Folder, FolderInvitation, FolderPermission, FolderUpload
from hanami_plugins.folders.opening import storage_of
from hanami_plugins.quotas.models import Quota
from tests.plugins.folders.kit import GRACE, of
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
