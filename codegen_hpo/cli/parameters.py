"""Kinds of option values, and the options that several commands share."""

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import click

from codegen_hpo.sandbox.names import NAMES

T = TypeVar("T")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


class Duration(click.ParamType[float]):
    """Seconds, written "90", "90s", "30m" or "1.5h"."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", value.strip())
        if not match or float(match[1]) == 0:
            self.fail(f"{value!r} is not a time above zero; write 90s, 30m or 1.5h", param, ctx)
        return float(match[1]) * _UNITS[match[2]]


class Finite(click.FloatRange):
    """A number in a range: "nan" passes every comparison and "inf" open ones, neither is meant."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if number is not None and not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class Whole(click.IntRange):
    """A whole number in a range, written "50000" or "5e4"."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        return super().convert(int(number) if number.is_integer() else value, param, ctx)


class Several(click.ParamType[tuple[T, ...]], Generic[T]):
    """Values of one kind, comma-separated: "60s,5m"."""

    def __init__(self, one: click.ParamType[T]) -> None:
        self._one = one
        self.name = f"{one.name}s"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[T, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(self._one.convert(part.strip(), param, ctx) for part in value.split(","))


SEED = click.IntRange(0, 2**32 - 1)  # what scikit-learn and Optuna take


class Cost(click.ParamType[float]):
    """US dollars, written "2" or "2usd"."""

    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        match = re.fullmatch(r"\$?(\d+(?:\.\d+)?)\s*(?:usd)?", value.strip(), re.IGNORECASE)
        if not match:
            self.fail(f"{value!r} is not an amount; write 2 or 2usd", param, ctx)
        return float(match[1])


class Price(click.ParamType[tuple[float, float]]):
    """USD per million prompt and completion tokens, written "0.15,0.60"."""

    name = "in,out"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*,\s*(\d+(?:\.\d+)?)\s*", value)
        if not match:
            self.fail(
                f"{value!r} is not a price; write 0.15,0.60 (USD per million tokens, in and out)", param, ctx
            )
        return float(match[1]), float(match[2])


class Columns(click.ParamType[tuple[str, ...]]):
    """Column names, comma-separated; a name that holds a comma is given by repeating the option."""

    name = "columns"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        return (
            value
            if isinstance(value, tuple)
            else tuple(part.strip() for part in value.split(",") if part.strip())
        )


class DeviceName(click.ParamType[str]):
    """auto, cpu, cuda, or cuda:1 for the second GPU."""

    name = "device"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return "[auto|cpu|cuda|cuda:N]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from codegen_hpo.errors import ConfigError
        from codegen_hpo.sandbox.devices import read_device

        try:
            read_device(value)
        except ConfigError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)
        return str(value)


def columns_option(flag: str, help_text: str) -> Callable[[Any], Any]:
    """An option that takes columns, may be repeated, and arrives as one flat tuple of names."""

    def flatten(
        _ctx: click.Context, _param: click.Parameter, values: tuple[tuple[str, ...], ...]
    ) -> tuple[str, ...]:
        return tuple(name for names in values for name in names)

    return click.option(flag, type=Columns(), multiple=True, callback=flatten, help=help_text)


def json_option(command: Any) -> Any:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")(command)


def page_option(command: Any) -> Any:
    """FILE of a benchmark's results; the page is written beside it."""
    return click.option(
        "--json",
        "json_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write every measurement to this file, and the page beside it.",
    )(command)


def runs_option(command: Any) -> Any:
    return click.option(
        "--runs",
        type=click.Path(path_type=Path),
        envvar="CODEGEN_HPO_RUNS",
        default="runs",
        show_default="$CODEGEN_HPO_RUNS or ./runs",
        help="The folder of all runs.",
    )(command)


def run_argument(command: Any) -> Any:
    """RUN: a run's folder, its name below --runs, a unique beginning of that name, or `latest`."""
    return runs_option(click.argument("run", metavar="RUN", shell_complete=_complete_run)(command))


def _complete_run(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The names of the runs that begin so, the latest first."""
    runs = Path(context.params.get("runs") or os.environ.get("CODEGEN_HPO_RUNS") or "runs")
    names = sorted((path.parent.name for path in runs.glob("*/events.jsonl")), reverse=True)
    return [name for name in ("latest", *names) if name.startswith(incomplete)]


def find_run(run: str, runs: Path) -> Path:
    """The run directory that the user means. Raises ConfigError."""
    from codegen_hpo.errors import ConfigError
    from codegen_hpo.store.folder import list_runs

    for place in (Path(run), runs / run):
        if (place / "events.jsonl").is_file():
            return place
    known = list_runs(runs)
    if run == "latest" and known:
        return known[-1]
    matches = [path for path in known if path.name.startswith(run)]
    if len(matches) == 1:
        return matches[0]
    found = (
        f"{len(matches)} runs below {runs} begin with {run!r}" if matches else f"no run {run!r} below {runs}"
    )
    raise ConfigError(found, hint="codegen-hpo runs lists them; a folder's path works too")


def sandbox_options(command: Any) -> Any:
    unsafe = click.option(
        "--unsafe-no-sandbox",
        "unsafe",
        is_flag=True,
        allow_from_autoenv=False,  # the wall is left out by a word on the command line only
        help="Run a model's code in a child process with no wall around it. Only where you trust it.",
    )
    which = click.option(
        "--sandbox",
        type=click.Choice(NAMES),
        default="auto",
        show_default=True,
        help="Where code runs. auto: none for our own cookbook; for a model's code the first of docker, "
        "bubblewrap and landlock that works.",
    )
    return which(unsafe(command))


def sink_option(command: Any) -> Any:
    return click.option(
        "--sink",
        "sinks",
        multiple=True,
        metavar="KIND:TARGET",
        help="Tell a tracker of the run: csv:FILE, tensorboard:DIR, mlflow:sqlite:///mlflow.db. Repeatable.",
    )(command)


def workers_option(command: Any) -> Any:
    return click.option(
        "--workers",
        metavar="N|ray://HOST:PORT",
        help="Train on a Ray cluster, or on one of N workers that is started here.  [default: without Ray]",
    )(command)
