"""Returns freed memory to the system, which the allocators of Python and Arrow keep for later."""

import ctypes
import sys
from contextlib import suppress

LARGE_ROWS = 1 << 17  # of a column: below, it is not worth the call


def give_back(rows: int) -> None:
    """Returns what was freed after work on so many rows.

    Counting the distinct texts of one column of a million dates left 160 MB with the allocators, beside a
    table of 210 MB; each column left its own.
    """
    if rows < LARGE_ROWS:
        return
    if pyarrow := sys.modules.get("pyarrow"):
        pyarrow.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
