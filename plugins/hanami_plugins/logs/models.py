"""Tables of the audit log and of the error log."""

from __future__ import annotations

import time

import peewee

from hanami_core.storage.database import BaseModel


class LogRow(BaseModel):
    """A line of a log; `sequence` grows with time."""

    sequence = peewee.AutoField()
    created_at = peewee.DoubleField(default=time.time)
    user_id = peewee.CharField(256)


class AuditLog(LogRow):
    """A call that may have changed something."""

    endpoint = peewee.CharField(1024)
    request_type = peewee.CharField(16)


class ErrorLog(LogRow):
    """A call that ended with an internal error; `input_values` is a JSON object."""

    component = peewee.CharField(128)
    context = peewee.TextField()
    input_values = peewee.TextField()
    message = peewee.TextField()


for _model in (AuditLog, ErrorLog):
    # A page of one user is found without reading the rows of the others.
    _model.add_index(_model.user_id, _model.sequence)
