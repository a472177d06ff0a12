"""What each process of a benchmark begins with."""

import multiprocessing
import os
import threading

_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def begin() -> None:
    """Keeps this process to one thread of arithmetic, for there is one process a core, and ends it with its
    parent, even one that was killed."""
    os.environ.update(dict.fromkeys(_LIMITS, "1"))
    import threadpoolctl

    threadpoolctl.threadpool_limits(1)  # for what was loaded already
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
