"""Texts of errors that only this API has about folders."""

from __future__ import annotations

__all__ = ["SENTENCES"]

SENTENCES = {
    "folder_path_of_host": "A virtual folder cannot lie at a path of the server's machine",
    "folder_host_missing": "There is no host '{name}'",
    "others_hidden": "Only administrators may ask for what belongs to other users",
    "upload_media_type": "The content of an upload has the type application/offset+octet-stream",
    "upload_protocol": "This server speaks version {version} of the tus protocol",
}
