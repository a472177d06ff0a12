"""A search that nobody keeps: the same interface as a run's, with nothing behind it."""

import time
from collections.abc import Mapping
from typing import Any

from codegen_hpo.engine.limits import check_ledger
from codegen_hpo.engine.settings import Budget
from codegen_hpo.llm.ledger import Ledger
from codegen_hpo.llm.messages import Ask, Reply, Request


class Unrecorded:
    """Stands in for a Journal: recalls nothing, keeps nothing, and has the clock."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._began

    def recall(self, kind: str, key: str) -> None:
        """Nothing."""

    def note(self, kind: str, key: str, data: Mapping[str, Any]) -> None:
        """Lets it pass."""


def counted(ask: Ask, ledger: Ledger, budget: Budget) -> Ask:
    """What asks the model, counts, and raises Spent when the budget for the model is used up."""

    def asked(request: Request) -> Reply:
        check_ledger(budget, ledger)
        reply = ask(request)
        ledger.add(request.purpose, reply)
        return reply

    return asked
