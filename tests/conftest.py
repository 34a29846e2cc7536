"""What holds for all tests: how long an example takes says nothing about whether it is right."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("hanami", deadline=None, print_blob=True)
settings.load_profile("hanami")

# Tests start many processes, which would all compile what they import.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
