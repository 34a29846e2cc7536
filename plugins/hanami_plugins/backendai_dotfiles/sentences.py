"""Texts of errors of dotfiles."""

from __future__ import annotations

__all__ = ["SENTENCES"]

SENTENCES = {
    "dotfile_exists": "There is a dotfile '{path}' already",
    "dotfile_in_the_way": "There can be no dotfile '{path}' beside '{other}': one would be a directory",
    "dotfile_missing": "There is no dotfile '{path}'",
    "dotfiles_exhausted": "There are {limit} dotfiles already, and there cannot be more",
    "dotfiles_too_large": "All dotfiles together would take {size} bytes, and may take {limit}",
    "group_admins_only": "Only administrators of the project may change its dotfiles",
}
