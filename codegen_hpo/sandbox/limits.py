"""What a sandbox may use."""

from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a worker and of each trial in it."""

    memory_bytes: int = 4 * GIB  # beside the bundle, which is mapped into memory
    cpus: float | None = None  # None: as many as the machine has
    processes: int = 128  # threads of a trial
    result_bytes: int = 1 * GIB  # all that one job may send back, its weights above all
    start_s: float = 120.0  # until a worker says hello
    grace_s: float = 15.0  # beyond a job's own time-out, before the worker itself is taken for dead

    @property
    def sent_bytes(self) -> int:
        """All that one job may really send back: the worker collects it in the same memory."""
        return min(self.result_bytes, self.memory_bytes // 4)
