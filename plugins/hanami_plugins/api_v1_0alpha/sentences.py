"""The texts of errors, by code. Misspellings are part of the wire: released clients and their tests compare them."""

from __future__ import annotations

__all__ = ["SENTENCES"]

REFUSED = "Failed to validate JWT-Token with error: "

SENTENCES = {
    # requests
    "body_incomplete": "Body is shorter than announced",
    "body_too_large": "Body is larger than {limit} bytes",
    "body_unreadable": "Body can not be read: {reason}",
    "endpoint_unknown": "No endpoint found for path '{path}' and type {method}",
    "internal_error": "internal error {identity}",
    "method_unsupported": "Method '{method}' is not supported, only {known} are",
    "nested_too_deeply": "Value-validation failed: nested too deeply",
    "path_too_short": "Failed to pasre uri: {path}",
    # identity and permission
    "access_denied": "Access denied by policy",
    "credential_invalid": f"{REFUSED}invalid token supplied",
    "credential_missing": f"{REFUSED}invalid token supplied",
    "credential_expired": f"{REFUSED}token expired",
    "login_denied": "ACCESS DENIED!\nUser or passphrase is incorrect.",
    "logins_exhausted": "ACCESS DENIED!\nToo many failed logins, try again in {retry_after} seconds.",
    "no_project_assigned": "User with id '{user}' has no project assigned.",
    "project_not_assigned": "User with id '{user}' is not assigned to the project with id '{project}'.",
    "signature_invalid": f"{REFUSED}invalid signature",
    "socket_token_invalid": "Token invalid",
}
