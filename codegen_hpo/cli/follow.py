"""What a run says on the terminal while it works: one line an event, on stderr."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from codegen_hpo.cli.terminal import number, plain
from codegen_hpo.records import Event, trial_name
from codegen_hpo.tuner.names import AGENTHPO

_CALL_WIDTH = 72  # characters of a call on a line; `show --trials` has all of it
_ERROR_HEAD, _ERROR_TAIL = 60, 100  # characters of an error: what stands in the middle is mostly a path


def to_stderr(line: str) -> None:
    click.echo(line, err=True)


class Follow:
    """A sink that prints. `verbose` adds every exchange with the model, its reasoning and whole calls.

    Args:
        metric: the task's metric.
        best: the best loss so far, when a run is resumed.
        write: prints a line.
    """

    def __init__(
        self,
        metric: str,
        *,
        best: float | None = None,
        verbose: bool = False,
        write: Callable[[str], None] = to_stderr,
    ) -> None:
        self._metric = metric
        self._write = write
        self._verbose = verbose
        self._best = best
        self._lines: dict[str, Callable[[Mapping[str, Any]], str]] = {
            "settings": self._settings,
            "prepared": self._prepared,
            "sandbox": self._sandbox,
            "sandbox_changed": self._sandbox,
            "attempt": self._attempt,
            "left_out": lambda data: f"left out: {data['reason']}",
            "candidate_failed": lambda data: f"given up after {data['attempts']} attempts",
            "trial": self._trial,
            "reply": self._reply,
            "model_wait": lambda data: str(data["text"]),
            "model_learned": lambda data: str(data["text"]) if verbose else "",
            "tuning_ended": lambda data: f"tuning ended: {data['reason']}",
            "disqualified": lambda data: f"disqualified: {data['reason']}",
        }

    def receive(self, event: Event) -> None:
        line = self._lines[event.kind](event.data) if event.kind in self._lines else ""
        if line:
            key = event.key.partition("/")[0]
            self._write(plain(f"{event.elapsed_s:7.1f}s  {key:4} {line}"))

    def _settings(self, data: Mapping[str, Any]) -> str:
        if "author" not in data:
            tuner = AGENTHPO if data["steps"] else data["tuner"]
            return f"tuner {tuner}" + (f", {data['model']} at {data['endpoint']}" if data["model"] else "")
        each = "a thread" if data["threads"] == 1 else f"{data['threads']} threads"
        if data["folds"] > 1:
            shared = f"{data['folds']} folds a trial, {data['folds_at_once']} at once, {each} each"
        elif data["parallel"] > 1:
            shared = f"{data['parallel']} trials at once, {each} each"
        else:
            return self._author(data)
        return f"{self._author(data)}\n          {shared}"

    def _author(self, data: Mapping[str, Any]) -> str:
        if data["author"] == "cookbook" and data["model"]:
            return f"the cookbook's own functions are tuned with {data['tuner']} by {data['model']}"
        if data["author"] == "cookbook":
            return (
                f"no model: the cookbook's own functions are tuned with {data['tuner']}; "
                "--base-url or OPENAI_API_KEY brings a model in"
            )
        return f"author {data['author']} at {data['endpoint'] or 'no endpoint'}, tuner {data['tuner']}"

    def _prepared(self, data: Mapping[str, Any]) -> str:
        scores = ", ".join(f"{row['name']} {number(row['validation_score'])}" for row in data["baselines"])
        return f"baselines, validation {self._metric}: {scores}"

    def _sandbox(self, data: Mapping[str, Any]) -> str:
        name, device = data.get("sandbox") or "of an older version", data["cuda"] or "CPU"
        line = f"sandbox {name}, {device}, torch {data['torch']}"
        return "\n          ".join([line, *data.get("notices", ())])

    def _attempt(self, data: Mapping[str, Any]) -> str:
        findings = data["findings"]
        if not findings:
            return f"{data['author']} wrote a function; attempt {data['attempt']} passed every gate"
        first = findings[0]["message"].splitlines()[0]
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        return f"attempt {data['attempt']}, {findings[0]['gate']}: {first[:140]}{more}"

    def _trial(self, data: Mapping[str, Any]) -> str:
        call, outcome = data["call"], data["outcome"]
        arguments = " ".join(f"{name}={number(value)}" for name, value in call["arguments"].items())
        if not self._verbose and call["proposed_by"] == "default":
            arguments = "its defaults"
        elif not self._verbose and len(arguments) > _CALL_WIDTH:
            arguments = arguments[: _CALL_WIDTH - 1].rpartition(" ")[0] + " …"
        if data["loss"] is None:
            said = outcome["error"].strip().splitlines() or [""]
            result = f"{outcome['status']}: {_fitted(said[-1])}"
        else:
            better = self._best is None or data["loss"] < self._best
            self._best = data["loss"] if better else self._best
            result = f"{self._metric} {number(data['score']):7} {'*' if better else ' '}"
            if outcome["stopped"] == "pruned":
                result += f" pruned at {len(outcome['curve'])}"
        # the event of an objective's trial has the trial's name for its key, and that stands there already
        name = "" if data.get("candidate") == "" else f"{trial_name(data['number'])} "
        line = f"{name}{call['proposed_by']:7} {result}  {data['wall_s']:.1f}s  {arguments}"
        if fallback := " ".join(call.get("fallback", "").split()):
            line += f"\n          in the model's place: {fallback if self._verbose else fallback[:100]}"
        return line + (f"\n          {call['reasoning']}" if self._verbose and call["reasoning"] else "")

    def _reply(self, data: Mapping[str, Any]) -> str:
        if not self._verbose:
            return ""
        tokens = f"{data['usage']['prompt_tokens']}+{data['usage']['completion_tokens']} tokens"
        return f"model: {data['purpose']}, {tokens}, {data['seconds']:.1f}s"


def _fitted(error: str) -> str:
    if len(error) <= _ERROR_HEAD + _ERROR_TAIL:
        return error
    return f"{error[: _ERROR_HEAD - 1]}…{error[-_ERROR_TAIL:]}"
