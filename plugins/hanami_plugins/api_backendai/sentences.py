"""Texts of errors at this API, those of the native API included."""

from __future__ import annotations

from hanami_plugins import api_v1_0alpha

__all__ = ["SENTENCES"]

SENTENCES = api_v1_0alpha.SENTENCES | {
    "access_denied": "The policy of this server does not allow you to do this",
    "admins_only": "Only administrators may do this",
    "auth_params_invalid": "Authorization failed: {reason}",
    "credential_invalid": "The access key, the signature or the login is not valid",
    "credential_missing": "The request is neither signed nor sent with the cookie of a login",
    "credential_used": "This signed request has been answered already, sign it anew",
    "domain_missing": "There is no domain '{name}': all of this installation is the domain 'default'",
    "group_missing": "There is no group '{id}' that you can see",
    "not_implemented": "'{name}' is not available on this server",
    "owner_denied": "Only administrators may do this for the owner of another access key",
    "passphrases_differ": "The new passwords are not equal",
    "server_frozen": "The server is frozen for maintenance; nothing can be created or changed until that ends",
}
