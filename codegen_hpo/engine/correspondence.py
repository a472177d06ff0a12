"""Every exchange with the language model: kept in the run, counted, and never paid for twice."""

import threading
from collections import Counter
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.limits import check_ledger
from codegen_hpo.engine.settings import Budget
from codegen_hpo.llm import cassette
from codegen_hpo.llm.ledger import Ledger, Price
from codegen_hpo.llm.messages import Ask, Reply, Request
from codegen_hpo.records import Event
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import read_ledger


class Spending(NamedTuple):
    """What one scope cost, for the record of what came of it."""

    prompt_hash: str  # of the last request; empty if none was sent
    tokens: int


class _Line(NamedTuple):
    """A way to the model, on which one question is asked at a time."""

    ask: Ask
    lock: threading.Lock


class Correspondence:
    """An `Ask` whose replies are recorded under the scope in which they were asked for.

    A resumed run asks the same questions in the same scopes and is answered from the record; the file of
    each exchange is the cassette that replays it. One question is asked at a time, whichever thread asks;
    only a draft may be written meanwhile.

    Args:
        ask: reaches the model.
        ask_for_draft: reaches it beside `ask`, which may be waiting for a reply itself; `ask` if not given.
    """

    def __init__(
        self,
        ask: Ask,
        journal: Journal,
        price: Price | None,
        budget: Budget,
        *,
        ask_for_draft: Ask | None = None,
    ) -> None:
        self.scope = ""
        self.draft_scope = ""
        self._main = _Line(ask, threading.Lock())
        self._drafts = _Line(ask_for_draft, threading.Lock()) if ask_for_draft else self._main
        self._journal, self._budget = journal, budget
        self._ledger = read_ledger(journal.folder, price)
        self._asked: Counter[str] = Counter()
        self._spent: dict[str, Spending] = {}
        self._lock = threading.Lock()  # of all that is counted here
        for event in journal.folder.of_kind("reply"):
            self._spend(event)
        self._files, self._unrecorded = _kept_files(journal.folder)

    def ask(self, request: Request) -> Reply:
        """The recorded reply, or the model's. Raises Spent when the budget for the model is used up."""
        return self._answer(self.scope, request, self._main)

    def draft(self, request: Request) -> Reply:
        """As `ask`, in `draft_scope`: a draft takes long, and whoever else asks does not wait for it."""
        return self._answer(self.draft_scope, request, self._drafts)

    def within(self, scope: str) -> Ask:
        """What asks in a scope of its own, beside whatever `scope` is meanwhile."""

        def ask(request: Request) -> Reply:
            return self._answer(scope, request, self._main)

        return ask

    @property
    def ledger(self) -> Ledger:
        """What all replies cost so far."""
        return self._ledger

    def spent(self, scope: str | None = None) -> Spending:
        """What a scope cost so far: the present one, if none is named."""
        return self._spent.get(self.scope if scope is None else scope, Spending("", 0))

    def _answer(self, scope: str, request: Request, line: _Line) -> Reply:
        with line.lock:
            with self._lock:
                self._asked[scope] += 1
                key = f"{scope}/{self._asked[scope]}"
                event = self._journal.recall("reply", key)
                if event is None:
                    check_ledger(self._budget, self._ledger)
            if event:
                return cassette.reply_from_json(self._journal.folder.read_json(event.data["file"]))
            return self._exchange(key, request, line.ask)

    def _spend(self, event: Event) -> None:
        scope = event.key.rpartition("/")[0]
        before = self._spent.get(scope, Spending("", 0)).tokens
        usage = event.data["usage"]
        tokens = usage["prompt_tokens"] + usage["completion_tokens"]
        self._spent[scope] = Spending(event.data["request_hash"], before + tokens)

    def _exchange(self, key: str, request: Request, ask: Ask) -> Reply:
        folder, hashed = self._journal.folder, cassette.request_hash(request)
        exchanged: list[Reply] = []

        def produce() -> dict[str, Any]:
            with self._lock:
                # the reply to this very request, if a kill came between its file and its event
                kept = self._unrecorded.pop(hashed, "")
                self._files += not kept
                name = kept or f"llm/{self._files:04d}.json"
            if kept:
                reply = cassette.reply_from_json(folder.read_json(name))
            else:
                reply = ask(request)
                self._journal.require_open()
                folder.write_json(name, cassette.to_json(request, reply))
            exchanged.append(reply)
            return {
                "file": name,
                "purpose": request.purpose,
                "request_hash": hashed,
                "finish": reply.finish,
                "usage": reply.usage._asdict(),
                "model": reply.model,
                "seconds": reply.seconds,
            }

        event = self._journal.record("reply", key, produce)
        with self._lock:
            self._spend(event)
            self._ledger.add(request.purpose, exchanged[0])
        return exchanged[0]


def _kept_files(folder: RunFolder) -> tuple[int, dict[str, str]]:
    """The highest number of an exchange's file, and the files no event names, by their request's hash."""
    recorded = {event.data["file"] for event in folder.of_kind("reply")}
    names = [f"llm/{path.name}" for path in sorted((folder.path / "llm").glob("*.json"))]
    numbers = [int(stem) for name in names if (stem := PurePosixPath(name).stem).isdigit()]
    unrecorded = {folder.read_json(name)["request_hash"]: name for name in names if name not in recorded}
    return max(numbers, default=0), unrecorded
