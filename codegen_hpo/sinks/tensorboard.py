"""TensorBoard: a folder a trial, with its curve, its score and its arguments."""

import shutil
from datetime import datetime
from pathlib import Path

from codegen_hpo.records import Event, Trial
from codegen_hpo.store import codec


class TensorBoard:
    """Writes DIR/run/t007 for each trial, whole or not at all.

    Args:
        folder: DIR, for all runs.
        run: the run's name.
        metric: names the score.
    """

    def __init__(self, folder: str, run: str, metric: str) -> None:
        self._folder, self._metric = Path(folder) / run, metric
        self._folder.mkdir(parents=True, exist_ok=True)

    def receive(self, event: Event) -> None:
        """Writes the folder of a trial; see `apart.Tracker`."""
        if event.kind != "trial":
            return
        trial = codec.trial_from_json(event.data)
        place = self._folder / trial.name
        if place.exists():
            return
        part = self._folder / f".{trial.name}"
        shutil.rmtree(part, ignore_errors=True)  # what a kill left
        _write(part, trial, self._metric, datetime.fromisoformat(event.time).timestamp())
        part.rename(place)

    def close(self) -> None:
        """Nothing is open between trials."""


def _write(folder: Path, trial: Trial, metric: str, ended_s: float) -> None:
    """The event file of a trial that ended then, in seconds since 1970."""
    from torch.utils.tensorboard import SummaryWriter
    from torch.utils.tensorboard.summary import hparams

    began_s = ended_s - trial.outcome.seconds
    told = {"seconds": trial.outcome.seconds} | ({} if trial.score is None else {metric: trial.score})
    with SummaryWriter(str(folder)) as writer:
        for point in trial.outcome.curve:
            at = began_s + point.seconds
            writer.add_scalar("loss/train", point.train_loss, point.number, walltime=at)
            writer.add_scalar("loss/inner", point.inner_loss, point.number, walltime=at)
        for series in trial.outcome.trajectory:
            for step, value in zip(series.steps, series.values, strict=True):
                writer.add_scalar(series.name, value, int(step), walltime=ended_s)
        for name, value in told.items():
            writer.add_scalar(f"trial/{name}", value, trial.number, walltime=ended_s)
        # `add_hparams` would put them into a folder of their own
        arguments = {"candidate": trial.candidate, "proposed_by": trial.call.proposed_by}
        # it takes a bool for a number
        values = {n: str(v) if isinstance(v, bool) else v for n, v in trial.call.arguments.items()}
        scores = {f"trial/{name}": value for name, value in told.items()}
        for summary in hparams(arguments | values, scores):  # type: ignore[no-untyped-call]
            writer.file_writer.add_summary(summary)
