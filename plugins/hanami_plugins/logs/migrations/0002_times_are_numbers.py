"""Times are numbers."""

from hanami_core.storage.times import texts_to_numbers


def up(migrator, db):
    texts_to_numbers(migrator, "audit_log", "created_at")
    texts_to_numbers(migrator, "error_log", "created_at")
