"""The texts of errors that v0.4 words differently from the native API."""

from __future__ import annotations

from hanami_plugins.api_v1_0alpha import SENTENCES as NATIVE

__all__ = ["SENTENCES"]

REFUSED = "Failed to validate JWT-Token"
UNPARSED = "Failed to pase input-values: "

SENTENCES = NATIVE | {
    "body_invalid": UNPARSED + "{reason}",
    "body_nested_too_deeply": UNPARSED + "nested too deeply",
    "body_no_object": UNPARSED + "the body must be a JSON object",
    "body_number_too_big": UNPARSED + "a number is out of range",
    "decoding_failed": "Data-set with uuid '{uuid}' could not be decoded, finalise it again: {reason}",
    "credential_expired": REFUSED,
    "credential_invalid": REFUSED,
    "credential_missing": REFUSED,
    "login_denied": "ACCESS DENIED!\nUser or password is incorrect.",
    "signature_invalid": REFUSED,
    "result_missing": "Request-result with uuid '{uuid}' not found",
    "checked_result_missing": "Result with uuid '{uuid}' not found",
    "bricks_for_pictures": "Pictures need a cluster with one {kind} brick, this one has {count}",
    "column_missing": "Data-set with uuid '{uuid}' has no column with the name of the brick '{column}'",
    "column_width": "column '{column}' has {width} values, but brick '{interface}' has {expected} neurons",
    "rows_too_few": "Data-set has too few rows for the bricks of the cluster",
}
