"""What is wrong with a call about folders, as clients of Backend.AI know it."""

from __future__ import annotations

from collections.abc import Mapping

from hanami_plugins.api_backendai import INVALID, Problem

__all__ = ["PROBLEMS", "STORAGE_PROBLEMS", "renamed"]

_FAILED = Problem("vfolder-operation-failed", 400, "Virtual folder operation has failed.")
_FULL = Problem("quota-exceeded", 412, "You have reached your resource limit.")
_NO_FOLDER = Problem("object-not-found", 404, "No such virtual folder.")
_NO_FILE = Problem("object-not-found", 404, "No such file or directory.")

PROBLEMS: Mapping[str, Problem] = {
    "folder_exists": Problem("vfolder-already-exists", 400, "The virtual folder already exists with the same name."),
    "folder_hidden": _FAILED,
    "folder_invitation_missing": Problem("object-not-found", 404, "No such vfolder invitation."),
    "folder_missing": _NO_FOLDER,
    "folder_name_invalid": INVALID._replace(field="name"),
    "folder_name_missing": _NO_FOLDER,
    "folder_name_reserved": INVALID._replace(field="name"),
    "folder_not_shared": _FAILED,
    "folder_of_other_kind": _FAILED,
    "folder_path_directory": _FAILED,
    "folder_path_exists": _FAILED,
    "folder_path_inside_itself": _FAILED,
    "folder_path_invalid": INVALID._replace(field="path"),
    "folder_path_missing": _NO_FILE,
    "folder_path_no_directory": _FAILED,
    "folder_path_special": _FAILED,
    "folder_storage_unknown": INVALID._replace(field="host"),
    "quota_exhausted": _FULL,
    "uploads_exhausted": _FULL,
}
"""Kinds of problems of routes below ``/folders``, by the codes of errors."""

_TOKEN = Problem("storage/invalid-token", 401, "The token of the transfer is not valid.")
_STORAGE_FULL = _FULL._replace(slug="storage/quota-exceeded")

STORAGE_PROBLEMS: Mapping[str, Problem] = {
    "body_incomplete": Problem("storage/incomplete-body", 400, "The body of the request ends too early."),
    "credential_expired": _TOKEN,
    "credential_invalid": _TOKEN,
    "folder_missing": _NO_FOLDER._replace(slug="storage/object-not-found"),
    "folder_path_directory": _FAILED._replace(slug="storage/operation-failed"),
    "folder_path_missing": _NO_FILE._replace(slug="storage/object-not-found"),
    "folder_path_no_directory": _FAILED._replace(slug="storage/operation-failed"),
    "folder_path_special": _FAILED._replace(slug="storage/operation-failed"),
    "folder_permission": Problem("storage/generic-forbidden", 403, "Forbidden operation."),
    "folder_quota_exhausted": _STORAGE_FULL,
    "folder_storage_full": _STORAGE_FULL,
    "folder_upload_missing": Problem("storage/object-not-found", 404, "No such upload."),
    "folder_upload_offset": Problem("storage/upload-offset-mismatch", 409, "The upload continues at another offset."),
    "folder_upload_too_long": Problem("storage/upload-too-long", 400, "The upload is longer than announced."),
    "quota_space_exhausted": _STORAGE_FULL,
    "storage_full": _STORAGE_FULL,
    "upload_media_type": Problem("storage/unsupported-media-type", 415, "Wrong type of content."),
    "upload_protocol": Problem("storage/unsupported-version", 412, "Unsupported version of the tus protocol."),
}
"""Those of the routes that a token opens."""


def renamed(**fields: str) -> Mapping[str, Problem]:
    """Return the problems of a route whose fields have other names than ``name``, ``path`` and ``host``."""
    return {
        code: problem._replace(field=fields.get(problem.field, problem.field)) for code, problem in PROBLEMS.items()
    }
