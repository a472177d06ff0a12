"""What a client tells while it works: nothing is waited for, or changed, in silence."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMEvent:
    """One thing that happened on the way to a reply. Holds no key and no text of the model."""

    kind: Literal[
        "wait", "learned"
    ]  # a retry after a wait; something the server refused and is no longer sent
    reason: str  # one line
    attempt: int  # 1-based: the attempt that failed
    wait_s: float = 0.0  # before the next attempt

    def __str__(self) -> str:
        if self.kind == "learned":
            return f"learned from the endpoint: {self.reason}"
        return f"attempt {self.attempt} failed: {self.reason}; trying again in {self.wait_s:.1f} s"
