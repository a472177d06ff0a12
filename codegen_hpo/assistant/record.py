"""A run as a question finds it: read once, never written."""

from dataclasses import dataclass
from pathlib import Path

from codegen_hpo.errors import reading
from codegen_hpo.objective.settings import Aim
from codegen_hpo.records import Event, Trial
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import History, read_history, read_task
from codegen_hpo.task import Metric, Task
from codegen_hpo.tuner.subject import objective_metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a run holds at this moment. It may go on meanwhile: what comes later is not seen."""

    folder: RunFolder
    history: History
    aim: Aim | None  # of a run that tuned an objective
    task: Task | None  # of the run of a table, once its data were prepared

    @classmethod
    def open(cls, path: Path) -> "Record":
        """The record in a run's folder. Raises ConfigError if it is none, or damaged."""
        folder = RunFolder.open(path)
        history = read_history(folder)
        with reading(path / "events.jsonl"):
            aim = Aim.from_json(history.objective) if history.objective else None
        prepared = aim is None and (path / "task.json").is_file()
        return cls(
            folder=folder,
            history=history,
            aim=aim,
            task=Task.from_json(read_task(folder)) if prepared else None,
        )

    @property
    def metric(self) -> Metric:
        """What the trials are compared by."""
        if self.aim:
            return self.aim.direction
        return self.task.metric if self.task else objective_metric("score")

    @property
    def private(self) -> bool:
        """Whether column names and values are kept from models."""
        return bool(self.history.settings.get("private"))

    def event(self, number: int) -> Event | None:
        """The event of this number."""
        return next((event for event in self.folder.events if event.number == number), None)

    def recorded(self, trial: Trial) -> Event:
        """The event in which a trial was recorded."""
        return next(
            event
            for event in reversed(self.folder.events)
            if event.kind == "trial" and event.data["number"] == trial.number
        )
