"""``python -m hanami_server.sidecar --data-dir DIR --host NAME``; started by the supervisor."""

from __future__ import annotations

import sys

from hanami_server.sidecar.main import main

if __name__ == "__main__":
    main(sys.argv[1:])
