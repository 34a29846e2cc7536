"""Texts of errors that only GraphQL has."""

from __future__ import annotations

__all__ = ["SENTENCES"]

SENTENCES = {
    "domain_missing": "There is no domain '{name}': all of this installation is the domain 'default'",
    "fixed_here": "'{field}' cannot be set: on this server it is always {value}",
    "group_missing": "There is no group {id} that you can see",
    "not_changeable": "'{field}' cannot be changed here",
    "one_domain": "This installation is one domain, 'default', which cannot be created, changed or deleted",
    "one_policy": "This installation has one resource policy, 'default', which its settings define",
    "one_scaling_group": "This installation has one scaling group, 'default', with all hosts and for all users",
    "images_fixed": "The images of this installation cannot be changed here",
    "others_hidden": "Only administrators may ask for what belongs to other users",
    "role_needs_group": "The role 'admin' is that of an administrator of groups: name a group at least",
    "user_uuid_missing": "There is no user {uuid}",
}
