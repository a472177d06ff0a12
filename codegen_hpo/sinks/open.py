"""Sinks by name: "csv:FILE", "tensorboard:DIR", "mlflow:URI"."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import NamedTuple

from codegen_hpo.errors import ConfigError
from codegen_hpo.records import Event, Sink
from codegen_hpo.shown import without_password
from codegen_hpo.sinks.apart import Apart, Tracker


class Following(NamedTuple):
    """What a tracker is told of the run that it follows."""

    run: str  # the run's name
    metric: str


class _Kind(NamedTuple):
    make: Callable[[str, Following], Tracker]  # may take its time, and fail: a thread calls it
    module: str  # that it needs
    extra: str  # that brings the module
    target: str  # what stands after the colon


def _csv(target: str, following: Following) -> Tracker:
    from codegen_hpo.sinks.csv_file import CsvFile

    return CsvFile(target, following.run)


def _tensorboard(target: str, following: Following) -> Tracker:
    from codegen_hpo.sinks.tensorboard import TensorBoard

    return TensorBoard(target, following.run, following.metric)


def _mlflow(target: str, following: Following) -> Tracker:
    from codegen_hpo.sinks.mlflow import MLflow

    return MLflow(target, following.run, following.metric)


_KINDS = {
    "csv": _Kind(_csv, "csv", "", "FILE"),
    "tensorboard": _Kind(_tensorboard, "tensorboard", "tensorboard", "DIR"),
    "mlflow": _Kind(_mlflow, "mlflow", "mlflow", "URI"),
}


def check_sinks(sinks: Sequence[Sink | str]) -> None:
    """Raises ConfigError if a text among them names no sink, or one whose package is not installed."""
    for sink in sinks:
        if isinstance(sink, str):
            _check(sink)


def _check(text: str) -> None:
    kind, _, target = text.partition(":")
    if kind not in _KINDS or not target:
        forms = ", ".join(f"{name}:{one.target}" for name, one in _KINDS.items())
        raise ConfigError(f"{without_password(text)!r} is no sink", hint=f"write one of {forms}")
    if find_spec(_KINDS[kind].module) is None:
        raise ConfigError(
            f"the sink {kind} needs the package {kind}, which is not installed",
            hint=f"pip install 'codegen-hpo[{_KINDS[kind].extra}]'",
        )


@contextmanager
def opened_sinks(
    sinks: Sequence[Sink | str], following: Following, past: Sequence[Event] = ()
) -> Iterator[Sequence[Sink]]:
    """The sinks of a session: those that are objects as they are, those that are named on their own threads.

    Args:
        sinks: as `check_sinks` accepts them, or objects.
        past: what the run's earlier sessions recorded; a tracker that has it writes nothing of it again.
    """
    check_sinks(sinks)
    with ExitStack() as stack:
        yield [
            stack.enter_context(_apart(sink, following, past)) if isinstance(sink, str) else sink
            for sink in sinks
        ]


def _apart(text: str, following: Following, past: Sequence[Event]) -> Apart:
    kind, _, target = text.partition(":")
    return Apart(without_password(text), lambda: _KINDS[kind].make(target, following), past)
