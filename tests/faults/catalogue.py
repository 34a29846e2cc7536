"""All faults that the product is tested against, with the tests that inject them.

The rows of docs/reliability.md. A contract test fails if a test is named here that does not exist, or a file of
`tests/faults` is named nowhere.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CATALOGUE", "Fault"]


class Fault(NamedTuple):
    """One fault: what happens, what must be true afterwards, and the files or tests that show it."""

    number: str
    what: str
    goal: str
    tests: tuple[str, ...]


def _fault(number: str, what: str, goal: str, *tests: str) -> Fault:
    return Fault(number, what, goal, tests)


CATALOGUE = (
    _fault(
        "F01", "a process is killed in the middle of an upload",
        "the upload resumes where it was, nothing is left behind",
        "tests/faults/test_f01_killed_uploads.py", "tests/service/test_resume.py", "tests/service/test_decoding.py",
    ),
    _fault(
        "F02", "a sidecar is killed while it saves", "what was acknowledged can be restored, bit by bit",
        "tests/faults/test_f02_killed_checkpoints.py",
    ),
    _fault(
        "F03", "a sidecar is killed while it trains", "the training resumes and ends with the same bits",
        "tests/faults/test_f03_killed_trainings.py", "tests/service/test_restart.py",
    ),
    _fault(
        "F04", "any other process of the server is killed", "back within seconds, its children gone, its port free",
        "tests/faults/test_f04_killed_processes.py", "tests/server/test_processes.py",
    ),
    _fault(
        "F05", "the power is cut: only synced data survives", "everything acknowledged is there",
        "tests/faults/test_f05_power_cuts.py",
    ),
    _fault(
        "F06", "the disk is full", "clear refusals, deleting works, everything works again once there is space",
        "tests/faults/test_f06_full_disk.py",
    ),
    _fault(
        "F07", "the disk fails or cannot be written", "clear refusals, never a false success; readiness reports it",
        "tests/faults/test_f07_failing_disk.py", "tests/faults/test_f07_read_only.py",
    ),
    _fault(
        "F08", "broken idx files", "refused with position and rule, in little memory",
        "tests/faults/test_f08_mutated_files.py", "tests/plugins/test_format_mnist.py",
        "tests/service/test_bad_uploads.py", "tests/core/test_decoding.py",
    ),
    _fault(
        "F09", "broken tables", "refused with line and column, or read by a documented rule",
        "tests/faults/test_f08_mutated_files.py", "tests/plugins/test_format_csv.py",
        "tests/service/test_odd_tables.py",
    ),
    _fault(
        "F10", "a stored network with a wrong bit", "detected whenever it is used",
        "tests/faults/test_f10_corrupted_checkpoints.py", "tests/core/test_blobs.py",
    ),
    _fault(
        "F11", "pickled or compiled code in an upload", "nothing uploaded is ever executed",
        "tests/contracts/test_house.py",
    ),
    _fault(
        "F12", "endless bodies, or bodies larger than declared", "refused before they are read",
        "tests/server/test_transport.py", "tests/server/test_request_buffer.py",
    ),
    _fault(
        "F13", "hostile JSON and hostile fields", "a 4xx that names the field, never an internal error",
        "tests/service/test_hostile_calls.py", "tests/service/test_hostile_routes.py", "tests/fuzz/test_api.py",
    ),
    _fault(
        "F14", "clients that send or read slowly, or not at all", "everybody else is served",
        "tests/server/test_transport.py", "tests/server/test_lead.py", "tests/server/test_buffered_socket.py",
    ),
    _fault(
        "F15", "floods of websockets, frames and pings", "open sessions continue, others can connect",
        "tests/server/test_sockets.py", "tests/service/test_hostile_sockets.py", "tests/service/test_event_loop.py",
    ),
    _fault(
        "F16", "smuggled requests", "every request has one reading, or gets 400",
        "tests/service/test_hostile_requests.py", "tests/server/test_transport.py",
    ),
    _fault(
        "F17", "forged tokens, and users whose access was withdrawn", "refused, and disconnected within 5 s everywhere",
        "tests/faults/test_f17_withdrawn_access.py", "tests/faults/test_f17_withdrawn_answers.py",
        "tests/service/test_hostile_requests.py",
        "tests/service/test_logins.py", "tests/plugins/test_auth_jwt.py",
    ),
    _fault(
        "F18", "hostile names and paths", "names are only labels, no file outside the data directory is touched",
        "tests/service/test_hostile_routes.py", "tests/service/test_hostile_calls.py",
    ),
    _fault(
        "F19", "SQL in every field", "no SQL statement changes its shape",
        "tests/service/test_hostile_routes.py", "tests/service/test_hostile_calls.py",
    ),
    _fault(
        "F20", "plugins that raise, exit or claim a taken name", "the server starts without them",
        "tests/faults/test_f20_plugins_that_leave.py", "tests/core/test_plugin_lifecycle.py",
        "tests/server/test_plugins_command.py",
    ),
    _fault(
        "F21", "plugins that hang, spin or kill their process", "ended with a reason, everything else continues",
        "tests/faults/test_f21_hanging_calls.py", "tests/faults/test_f21_lethal_tasks.py",
        "tests/faults/test_f21_aborts.py", "tests/faults/test_f21_seized_interpreters.py", "tests/core/test_runner.py",
    ),
    _fault(
        "F22", "plugins that try to raise somebody's rights", "an actor comes only from the scheme of its API",
        "tests/core/test_identity.py", "tests/plugins/test_conformance.py",
    ),
    _fault(
        "F23", "the clock jumps", "leases, limits and unfinished uploads are not affected",
        "tests/core/test_queue.py", "tests/core/test_schedules.py", "tests/plugins/test_users_throttle.py",
    ),
    _fault(
        "F24", "conflicting calls at the same time, with kills", "deletes win, nothing is lost or left behind",
        "tests/faults/test_f24_conflicting_calls.py", "tests/plugins/test_call_machine.py",
        "tests/plugins/test_meeting_deletes.py", "tests/plugins/test_ends_of_clusters.py",
    ),
    _fault(
        "F25", "a client that repeats a call", "carried out once", "tests/faults/test_f25_retries.py",
    ),
    _fault(
        "F26", "two servers on one data directory", "the second one is refused",
        "tests/faults/test_f26_two_servers.py",
    ),
    _fault(
        "F27", "another program locks the database, or reads it for long",
        "no client notices, and the log shrinks again",
        "tests/faults/test_f27_locked_database.py",
    ),
    _fault(
        "F28", "more memory than the machine has", "refused with the numbers, and only that task fails",
        "tests/faults/test_f21_lethal_tasks.py", "tests/core/test_decoding.py",
    ),
    _fault(
        "F30", "kills during init, migration and start; restored copies", "a second attempt succeeds",
        "tests/faults/test_f30_killed_starts.py", "tests/core/test_migrations.py",
    ),
    _fault(
        "F31", "one tenant against another", "no row of others is read, changed or revealed",
        "tests/service/test_tenants.py", "tests/service/test_visibility.py",
    ),
    _fault(
        "F32", "secrets and paths in answers and logs", "neither appears",
        "tests/faults/test_f32_paths.py", "tests/faults/test_f32_leaks_to_the_machine.py",
        "tests/server/test_logs.py", "tests/service/test_internal_errors.py",
    ),
)  # fmt: skip
