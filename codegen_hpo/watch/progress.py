"""How far a run has come: its trials, the best of them, what was spent of what was allowed."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from statistics import median
from typing import Any, NamedTuple

from codegen_hpo.records import Event, trial_name
from codegen_hpo.watch.activity import Activity


class Spent(NamedTuple):
    """Something that a budget limits."""

    name: str  # "trials", "seconds", "tokens"
    used: float
    limit: float | None  # None: without one


class Progress:
    """Follows a run's events, of all its sessions from the first on.

    Args:
        events: those that the run has.
        clock: for the time since the latest event.
    """

    def __init__(
        self, events: Iterable[Event] = (), clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.activity = Activity()
        self.settings: Mapping[str, Any] = {}
        self.objective: Mapping[str, Any] = {}  # what is tuned, where it is no table's function
        self.baselines: list[Mapping[str, Any]] = []
        self.trials: dict[int, Mapping[str, Any]] = {}  # the data of their events, by number
        self.disqualified: set[str] = set()
        self.tokens = 0
        self.final: Mapping[str, Any] | None = None  # the final model, of the latest session
        self.end: Event | None = None  # of the latest session
        self._clock = clock
        self.latest_s = 0.0  # the run's time at the latest event
        self._latest_at = clock()
        for event in events:
            self.receive(event)

    def receive(self, event: Event) -> None:
        self.activity.receive(event)
        if not event.number:  # of what goes on, seen at any later moment
            return
        self.latest_s, self._latest_at = event.elapsed_s, datetime.fromisoformat(event.time)
        if event.kind == "settings":
            self.settings, self.end, self.final = event.data, None, None
        elif event.kind == "objective":
            self.objective = event.data
        elif event.kind == "prepared":
            self.baselines = list(event.data["baselines"])
        elif event.kind == "trial":
            self.trials[int(event.data["number"])] = event.data
        elif event.kind == "reply":
            usage = event.data["usage"]
            self.tokens += usage["prompt_tokens"] + usage["completion_tokens"]
        elif event.kind == "final":
            self.final = event.data["result"]
        elif event.kind == "disqualified":
            self.disqualified.add(event.key)
        elif event.kind in ("finished", "failed", "interrupted"):
            self.end = event

    @property
    def elapsed_s(self) -> float:
        """The run's own clock, which stands still between sessions."""
        if not self.activity.is_open:
            return self.latest_s
        return self.latest_s + max(0.0, (self._clock() - self._latest_at).total_seconds())

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The data of the best trial, the earliest of equals."""
        scored = [
            trial
            for number, trial in sorted(self.trials.items())
            if trial["loss"] is not None and trial_name(number) not in self.disqualified
        ]
        return min(scored, key=lambda trial: trial["loss"], default=None)

    @property
    def usual_s(self) -> float | None:
        """The median time of the trials that went well, seconds."""
        times = [trial["outcome"]["seconds"] for trial in self.trials.values() if trial["loss"] is not None]
        return median(times) if times else None

    @property
    def failed(self) -> int:
        return sum(trial["loss"] is None for trial in self.trials.values())

    @property
    def spent(self) -> list[Spent]:
        """Trials and seconds, and tokens where a model is asked."""
        budget = self.settings.get("budget", {})
        trained = sum(trial["outcome"]["status"] != "refused" for trial in self.trials.values())
        rows = [
            Spent("trials", trained, budget.get("trials")),
            Spent("seconds", self.elapsed_s, budget.get("seconds")),
        ]
        if self.settings.get("model"):
            rows.append(Spent("tokens", self.tokens, budget.get("tokens")))
        return rows
