"""Every exchange with the language model: kept in the run, counted, and never paid for twice."""

import threading
from collections import Counter
from typing import Any, NamedTuple

from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.limits import check_ledger
from codegen_hpo.engine.settings import Budget
from codegen_hpo.llm import cassette
from codegen_hpo.llm.ledger import Ledger, Price
from codegen_hpo.llm.messages import Ask, Reply, Request
from codegen_hpo.records import Event
from codegen_hpo.store.history import read_ledger


class Spending(NamedTuple):
    """What one scope cost, for the record of what came of it."""

    prompt_hash: str  # of the last request; empty if none was sent
    tokens: int


class Correspondence:
    """An `Ask` whose replies are recorded under the scope in which they were asked for.

    A resumed run asks the same questions in the same scopes and is answered from the record; the file of
    each exchange is the cassette that replays it. One question is asked at a time, whichever thread asks.
    """

    def __init__(self, ask: Ask, journal: Journal, price: Price | None, budget: Budget) -> None:
        self.scope = ""
        self._ask, self._journal, self._budget = ask, journal, budget
        self._ledger = read_ledger(journal.folder, price)
        self._asked: Counter[str] = Counter()
        self._spent: dict[str, Spending] = {}
        self._lock = threading.Lock()
        for event in journal.folder.of_kind("reply"):
            self._spend(event)

    def ask(self, request: Request) -> Reply:
        """The recorded reply, or the model's. Raises Spent when the budget for the model is used up."""
        with self._lock:
            return self._answer(self.scope, request)

    def within(self, scope: str) -> Ask:
        """What asks in a scope of its own, beside whatever `scope` is meanwhile."""

        def ask(request: Request) -> Reply:
            with self._lock:
                return self._answer(scope, request)

        return ask

    @property
    def ledger(self) -> Ledger:
        """What all replies cost so far."""
        return self._ledger

    def spent(self, scope: str | None = None) -> Spending:
        """What a scope cost so far: the present one, if none is named."""
        return self._spent.get(self.scope if scope is None else scope, Spending("", 0))

    def _answer(self, scope: str, request: Request) -> Reply:
        self._asked[scope] += 1
        key = f"{scope}/{self._asked[scope]}"
        event = self._journal.recall("reply", key)
        if event:
            return cassette.reply_from_json(self._journal.folder.read_json(event.data["file"]))
        check_ledger(self._budget, self._ledger)
        reply = self._exchange(key, request)
        self._ledger.add(request.purpose, reply)
        return reply

    def _spend(self, event: Event) -> None:
        scope = event.key.rpartition("/")[0]
        before = self._spent.get(scope, Spending("", 0)).tokens
        usage = event.data["usage"]
        tokens = usage["prompt_tokens"] + usage["completion_tokens"]
        self._spent[scope] = Spending(event.data["request_hash"], before + tokens)

    def _exchange(self, key: str, request: Request) -> Reply:
        folder = self._journal.folder
        name = f"llm/{len(folder.of_kind('reply')) + 1:04d}.json"

        def produce() -> dict[str, Any]:
            reply = self._kept(name, request)
            if reply is None:
                reply = self._ask(request)
                folder.write_json(name, cassette.to_json(request, reply))
            return {
                "file": name,
                "purpose": request.purpose,
                "request_hash": cassette.request_hash(request),
                "finish": reply.finish,
                "usage": reply.usage._asdict(),
                "model": reply.model,
                "seconds": reply.seconds,
            }

        self._spend(self._journal.record("reply", key, produce))
        return cassette.reply_from_json(folder.read_json(name))

    def _kept(self, name: str, request: Request) -> Reply | None:
        """The reply to this very request, if a kill came between its file and its event."""
        if not (self._journal.folder.path / name).is_file():
            return None
        exchange = self._journal.folder.read_json(name)
        same = exchange["request_hash"] == cassette.request_hash(request)
        return cassette.reply_from_json(exchange) if same else None
