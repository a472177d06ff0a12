"""The foot of the terminal while a run works: what goes on, the best so far, what is left of the budget."""

import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from codegen_hpo.cli.follow import Follow
from codegen_hpo.cli.terminal import console, counted, number, plain
from codegen_hpo.records import Event, Sink, trial_name
from codegen_hpo.watch.activity import Work
from codegen_hpo.watch.progress import Progress, Spent

if TYPE_CHECKING:
    from rich.console import RenderableType

_PER_SECOND = 4  # times that the foot is drawn
_MOST = 10  # lines of what goes on


@contextmanager
def following(
    metric: str, *, loud: bool, verbose: bool = False, earlier: Iterable[Event] = ()
) -> Iterator[tuple[Sink, ...]]:
    """The sinks that tell of a run on stderr: a line an event, and on a terminal a foot that is redrawn.

    Args:
        metric: the task's metric.
        loud: False is no sink at all.
        verbose: every exchange with the model, too.
        earlier: what the run has recorded, when it is resumed.
    """
    if not loud:
        yield ()
        return
    progress = Progress(earlier)
    best = progress.best["loss"] if progress.best else None
    screen = console(err=True)
    if not sys.stderr.isatty() or screen.is_dumb_terminal:
        yield (Follow(metric, best=best, verbose=verbose),)
        return
    from rich.live import Live
    from rich.text import Text

    def write(line: str) -> None:
        screen.print(Text(line), soft_wrap=True)

    foot = Foot(metric, progress)
    with Live(foot, console=screen, refresh_per_second=_PER_SECOND, transient=True):
        yield (Follow(metric, best=best, verbose=verbose, write=write), foot)


class Foot:
    """A sink that rich can draw at any moment.

    Args:
        metric: the task's metric.
        progress: of the events before the first one that is received.
    """

    def __init__(self, metric: str, progress: Progress) -> None:
        self._metric = metric
        self._progress = progress
        self._lock = threading.Lock()  # it is drawn by a thread of its own

    def receive(self, event: Event) -> None:
        with self._lock:
            self._progress.receive(event)

    def __rich__(self) -> "RenderableType":
        from rich.console import Group

        with self._lock:
            return Group(self._works(), self._standing())

    def _works(self) -> "RenderableType":
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1))
        for _ in range(3):
            grid.add_column(no_wrap=True)
        grid.add_column()  # the only one that gives way: its cells do not wrap, either
        works = self._progress.activity.now()
        for work in works[:_MOST]:
            style = "dim" if work.verb == "waits" else ""
            cells = (f"  {work.verb}", work.about, self._since(work), work.detail)
            lines = (plain(cell).replace("\n", " ") for cell in cells)
            grid.add_row(*(Text(line, style=style, no_wrap=True, overflow="ellipsis") for line in lines))
        if len(works) > _MOST:
            grid.add_row(f"  and {len(works) - _MOST} more")
        return grid

    def _since(self, work: Work) -> str:
        if work.verb == "waits":
            return ""
        since = f"{max(0.0, self._progress.elapsed_s - work.since_s):.0f} s"
        usual_s = self._progress.usual_s if work.is_trial else None
        told = [since, "" if usual_s is None else f"usually {usual_s:.0f} s", work.passed]
        return ", ".join(filter(None, told))

    def _standing(self) -> "RenderableType":
        from rich.text import Text

        best = self._progress.best
        parts = [f"best {self._metric}: {'none yet' if best is None else _told(best)}"]
        parts += [_shown(spent) for spent in self._progress.spent]
        if failed := self._progress.failed:
            parts.insert(2, f"{failed} failed")
        return Text("  " + "  ·  ".join(map(plain, parts)), style="bold")  # all of it: it may wrap


def _told(best: Mapping[str, Any]) -> str:
    points = len(best["outcome"]["curve"])
    told = f"{trial_name(best['number'])} {number(best['score'])}"
    return f"{told} after {counted(points, 'epoch')}" if points else told


def _shown(spent: Spent) -> str:
    used, unit = f"{spent.used:.0f}", "s" if spent.name == "seconds" else spent.name
    return f"{used} {unit}" if spent.limit is None else f"{used} of {spent.limit:.0f} {unit}"
