"""The texts of errors, by code. Misspellings are part of the wire: released clients and their tests compare them.

Core, server and features raise codes; what this wire says then stands here, with ``{name}`` for a parameter.
An error whose code is missing here is shown as it says it itself.
"""

from __future__ import annotations

__all__ = ["SENTENCES"]

REFUSED = "Failed to validate JWT-Token with error: "
UNPARSED = "Failed to parse input-values, because of json-parser error: "

REQUESTS = {
    "body_incomplete": "Body is shorter than announced",
    "body_too_large": "Body is larger than {limit} bytes",
    "body_unreadable": "Body can not be read: {reason}",
    "endpoint_unknown": "No endpoint found for path '{path}' and type {method}",
    "internal_error": "internal error {identity}",
    "method_not_allowed": "Method '{method}' is not supported, only {allowed} are",
    "method_unsupported": "Method '{method}' is not supported, only {known} are",
    "path_invalid": "",
    "path_too_short": "Failed to pasre uri: {path}",
    "path_unknown": "No endpoint found for path '{path}'",
    "store_unavailable": "Blob store '{store}' can not be reached, try again later",
    "streams_exhausted": "Too many answers are sent at once, try again in {retry_after} seconds.",
}

FIELDS = {
    "body_invalid": UNPARSED + "{reason}",
    "body_nested_too_deeply": UNPARSED + "nested too deeply",
    "body_no_object": UNPARSED + "the body must be a JSON object",
    "body_number_too_big": UNPARSED + "a number is out of range",
    "field_invalid": "Value-validation failed: item '{field}': {reason}",
    "field_missing": "Validation failed, because variable '{field}' is required, but is not set.",
    "field_no_match": "Given item '{field}' doesn't match with regex \"{pattern}\"",
    "field_repeated": "Given item '{field}' is set more than once",
    "field_too_big": "Given item '{field}' is bigger than {limit}",
    "field_too_long": "Given item '{field}' is longer than {limit} characters",
    "field_too_short": "Given item '{field}' is shorter than {limit} characters",
    "field_too_small": "Given item '{field}' is smaller than {limit}",
    "field_unknown": "Validation failed, because item '{field}' is not in the list of allowed keys",
    "field_wrong_type": "Value-validation failed, because a item '{field}'  has the false type: Exprect {type}-type.",
    "fields_exclusive": "Validation failed, because only one of '{first}' and '{second}' can be set.",
    "nested_too_deeply": "Value-validation failed: nested too deeply",
    "query_invalid": "Query can not be read: {reason}",
    "query_not_utf8": "Query is not valid UTF-8",
    "values_invalid": "Value-validation failed: {reason}",
}

IDENTITY = {
    "access_denied": "Access denied by policy",
    "admins_only": "",
    "credential_expired": f"{REFUSED}token expired",
    "credential_invalid": f"{REFUSED}invalid token supplied",
    "credential_missing": f"{REFUSED}invalid token supplied",
    "login_denied": "ACCESS DENIED!\nUser or passphrase is incorrect.",
    "logins_exhausted": "ACCESS DENIED!\nToo many failed logins, try again in {retry_after} seconds.",
    "no_project_assigned": "User with id '{user}' has no project assigned.",
    "passphrase_of_others": "only an admin can change the passphrase of another user",
    "project_not_assigned": "User with id '{user}' is not assigned to the project with id '{project}'.",
    "signature_invalid": f"{REFUSED}invalid signature",
    "first_message_unknown": "The first message is not understood",
    "host_unavailable": "Host '{host}' is not available",
    "socket_failed": "Internal error",
    "target_unknown": "Unknown target '{target}'",
    "socket_token_invalid": "Token invalid",
}

USERS = {
    "passphrase_length": "A passphrase has {minimum} to {maximum} bytes",
    "user_exists": "User with id '{id}' already exist.",
    "user_is_oneself": "User with id '{id}' tries to delete himself, which is not allowed.",
    "user_left_resources": "A deleted user with id '{id}' still owns {count} resources, delete them first.",
    "user_missing": "User with id '{id}' not found",
}

PROJECTS = {
    "membership_exists": "Project with ID '{project}' is already assigned to user with id '{user}'.",
    "membership_missing": (
        "Project with ID '{project}' is not assigned to user with id '{user}'"
        " and so it can not be removed from the user."
    ),
    "project_exists": "Project with id '{id}' already exist.",
    "project_missing": "Project with id '{id}' not found",
    "project_not_empty": "Project with id '{id}' still contains {count} resources, delete them first.",
}

LOGS = {
    "audit_of_others": "'user_id' can only be set by an admin",
    "errors_for_admins": "only an admin is allowed to request error-logs",
}

HOSTS = {
    "hosts_missing": "there is no compute host; see 'hanami plugins'",
    "placement_host_missing": "{setting} names the host '{host}', which does not exist",
}

MACHINE = {
    "power_not_measured": "Power consumption is not available on this machine",
    "speed_not_measured": "Speed is not available on this machine",
    "temperature_not_measured": "Temperature is not available on this machine",
}

OPENAPI = {
    "api_missing": "Api with name '{name}' not found",
}

SENTENCES = REQUESTS | FIELDS | IDENTITY | USERS | PROJECTS | LOGS | HOSTS | MACHINE | OPENAPI
