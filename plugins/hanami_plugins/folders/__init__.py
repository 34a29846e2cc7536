"""Virtual folders: directories of files that belong to a user or to a project, and are shared by invitation.

Each lies in a storage that is chosen by name; plugins bring storages with the hook ``folders_storages``. Other plugins
work with folders through the names exported here.
"""

from __future__ import annotations

import peewee

from hanami_core import hookimpl
from hanami_core.access import Action, Actor, Rule
from hanami_core.checks import Check
from hanami_core.events import Event, UserDeleted
from hanami_core.http import Route
from hanami_core.keys import secret_key
from hanami_core.queue import TaskKind
from hanami_core.runtime import Runtime
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting
from hanami_plugins.folders import permissions, routes, upkeep
from hanami_plugins.folders.archives import FolderArchive
from hanami_plugins.folders.cloning import KIND, CloneProgress, FolderClone, clone_folder, follow_clone, get_clone
from hanami_plugins.folders.contents import delete_files, list_files, make_directory, move_file, rename_file
from hanami_plugins.folders.downloads import (
    FolderDownload,
    begin_download,
    open_archive,
    open_download,
    open_file,
    open_stored,
)
from hanami_plugins.folders.files import FilesBackend
from hanami_plugins.folders.hooks import FolderHooks
from hanami_plugins.folders.models import (
    PERMISSIONS,
    USAGE_MODES,
    Folder,
    FolderInvitation,
    FolderPermission,
    FolderUpload,
    Ownership,
    Permission,
    UsageMode,
)
from hanami_plugins.folders.opening import SETTING, STORAGES, StorageInfo, gather, list_storages
from hanami_plugins.folders.service import (
    FolderAccess,
    create_folder,
    delete_folder,
    find_folder,
    get_folder,
    list_folders,
    rename_folder,
    set_options,
    what_may_be_done,
)
from hanami_plugins.folders.sharing import (
    accept_invitation,
    close_invitation,
    forget_user,
    invite,
    leave_folder,
    list_invitations,
    list_permissions,
    share,
    unshare,
)
from hanami_plugins.folders.storages import FolderBackend, FolderEntry, FolderFile, FolderStorage, FolderUsage
from hanami_plugins.folders.tokens import TRANSFER_TOKENS, TransferTokens
from hanami_plugins.folders.upkeep import measure
from hanami_plugins.folders.uploads import (
    UploadTicket,
    append,
    begin_upload,
    check_target,
    upload_offset,
    withdraw_upload,
)
from hanami_plugins.folders.usage import StorageUsage, storage_usage
from hanami_plugins.folders.writing import drop_work, put_file

__all__ = [
    "PERMISSIONS",
    "USAGE_MODES",
    "CloneProgress",
    "Folder",
    "FolderAccess",
    "FolderArchive",
    "FolderBackend",
    "FolderClone",
    "FolderDownload",
    "FolderEntry",
    "FolderFile",
    "FolderInvitation",
    "FolderPermission",
    "FolderStorage",
    "FolderUsage",
    "Ownership",
    "Permission",
    "StorageInfo",
    "StorageUsage",
    "UploadTicket",
    "UsageMode",
    "accept_invitation",
    "append",
    "begin_download",
    "begin_upload",
    "check_target",
    "clone_folder",
    "close_invitation",
    "create_folder",
    "delete_files",
    "delete_folder",
    "drop_work",
    "find_folder",
    "follow_clone",
    "get_clone",
    "get_folder",
    "invite",
    "leave_folder",
    "list_files",
    "list_folders",
    "list_invitations",
    "list_permissions",
    "list_storages",
    "make_directory",
    "measure",
    "move_file",
    "open_archive",
    "open_download",
    "open_file",
    "open_stored",
    "put_file",
    "rename_file",
    "rename_folder",
    "set_options",
    "share",
    "storage_usage",
    "unshare",
    "upload_offset",
    "what_may_be_done",
    "withdraw_upload",
]


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare where new folders lie, and how long transfers may take."""
    return [
        Setting(SETTING, str, FilesBackend.name, "Storage of new folders whose creators name none"),
        Setting("folders.upload_time", int, 86_400, "Seconds from the announcement of a file to its last byte", 60),
        Setting("folders.download_time", int, 3_600, "Seconds within which a download must begin", 60),
        Setting("folders.open_uploads", int, 100, "Files that one user may send to folders at the same time", 1),
        Setting("folders.wait", float, 5.0, "Seconds that copying a folder is waited for before it is answered", 0.0),
    ]


@hookimpl
def hanami_hookspecs() -> type[FolderHooks]:
    """Let other plugins bring storages."""
    return FolderHooks


@hookimpl
def folders_storages() -> list[FolderBackend]:
    """Add ``files``."""
    return [FilesBackend()]


@hookimpl
def hanami_models() -> list[type[peewee.Model]]:
    """Add the tables of folders, permissions, invitations and uploads."""
    return [Folder, FolderPermission, FolderInvitation, FolderUpload]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """Gather the storages, read the key of transfers, and put in order what a crash has left."""
    runtime.stash[STORAGES] = gather(runtime)
    if runtime.role.writes:
        runtime.stash[TRANSFER_TOKENS] = TransferTokens(secret_key(runtime, "folders"), runtime.clock)
    if runtime.role.prepares:
        upkeep.recover(runtime)


@hookimpl
def hanami_shutdown(runtime: Runtime) -> None:
    """Close the storages."""
    runtime.stash[STORAGES].close()


@hookimpl
def hanami_access_rules(actor: Actor, action: Action) -> list[Rule]:
    """Say which folders an actor sees and manages."""
    return permissions.rules(actor, action.verb) if action.resource is Folder else []


@hookimpl
def hanami_event(event: Event) -> None:
    """Forget what a deleted user was permitted: the next one with that identifier is somebody else."""
    if isinstance(event, UserDeleted):
        forget_user(event.user_id)


@hookimpl
def hanami_task_kinds() -> list[TaskKind]:
    """Add copying."""
    return [KIND]


@hookimpl
def hanami_schedules() -> list[Schedule]:
    """Keep rows and storages in step."""
    return [Schedule("folders.clean_up", upkeep.CLEAN_UP_SECONDS, upkeep.clean_up)]


@hookimpl
def hanami_checks(runtime: Runtime) -> list[Check]:
    """Look for directories without rows, and rows without directories."""
    return upkeep.check(runtime)


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes of folders."""
    return routes.routes()
