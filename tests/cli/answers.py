"""What the server of the tests of commands answers, and what of it a command prints."""

UUID = "12959485-51a7-45bc-84dd-aad1c9bfd510"
OTHER = "d28d72f0-f95f-42bd-b14d-b7e12d3b9d82"
D1 = "6f2bbcd2-7081-4b08-ae1d-16e6cd6f54c4"
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
D2 = "d40c0c06-bd28-49a4-b872-6a70c4750bb9"

USER = {
    "id": "ada1",
    "name": "Ada Lovelace",
    "is_admin": False,
    "projects": [],
    "creator_id": "asdf",
    "created_at": "2026-11-21 19:51:42",
}
PROJECT = {"id": "proj", "name": "a project", "creator_id": "asdf", "created_at": "2026-11-21 19:51:42"}
KEYPAIR = {
    "access_key": ACCESS_KEY,
    "owner_id": "ada1",
    "project_id": "proj",
    "is_active": False,
    "last_used_at": "-",
    "description": "nightly builds",
    "created_at": "2026-11-21 19:51:42",
}
OWNED = {
    "uuid": UUID,
    "name": "thing",
    "visibility": "private",
    "owner_id": "asdf",
    "project_id": "admin",
    "created_at": "2026-11-21 19:51:42",
}
TASK = {
    "uuid": UUID,
    "name": "lesson",
    "state": "active",
    "current_cycle": 171,
    "total_number_of_cycles": 60000,
    "queue_timestamp": "2024-07-13 22:21:13",
    "start_timestamp": "2024-07-13 22:21:13",
    "end_timestamp": "-",
}
DATASET = {**OWNED, "version": "v1.0alpha", "number_of_columns": 2, "number_of_rows": 1723, "description": {"x": {}}}
LINKS = ["-i", f"{D1}:picture:in", "-o", f"{D2}:label:out"]
INPUTS = [{"dataset_uuid": D1, "dataset_column": "picture", "hexagon_name": "in"}]
OUTPUTS = [{"dataset_uuid": D2, "dataset_column": "label", "hexagon_name": "out"}]
USER_TITLES = "ID NAME IS_ADMIN PROJECTS CREATOR_ID CREATED_AT"
KEYPAIR_TITLES = "ACCESS_KEY OWNER_ID PROJECT_ID IS_ACTIVE LAST_USED_AT DESCRIPTION CREATED_AT"
OWNED_TITLES = "UUID NAME VISIBILITY OWNER_ID PROJECT_ID CREATED_AT"
TASK_TITLES = "UUID STATE CURRENT_CYCLE TOTAL_NUMBER_OF_CYCLES QUEUE_TIMESTAMP START_TIMESTAMP END_TIMESTAMP"
METRICS = {"loss": 0.25, "cycles": 3, "blocks": 3, "sections": 12}
RESULTS = [{"hexagon_name": "out", "dataset_column": "guess"}]
