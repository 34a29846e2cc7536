"""What threads no longer need goes back to the system."""

import subprocess
import sys

PROGRAM = """
import ctypes
from pathlib import Path
from hanami_server.process_control import return_memory

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
size, count = 1 << 13, 4_000

def resident():
    return int(Path("/proc/self/status").read_text().partition("RssAnon:")[2].split()[0]) << 10

pieces = [ctypes.c_void_p(libc.malloc(ctypes.c_size_t(size))) for _ in range(count)]
for piece in pieces:
    ctypes.memset(piece, 1, size)
for piece in pieces[:-1]:
    libc.free(piece)
before = resident()
return_memory()
print(before - resident() > size * count // 2)
"""


def test_memory_below_what_is_in_use_is_returned():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
