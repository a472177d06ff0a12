"""What a tuning prompt shows, read back out of a request: for models that are scripted to act on it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_TRIAL = re.compile(r'^Trial (\d+) \("(.*?)"\): (\{.*\})$')
_OWN = re.compile(r"^That was trial (\d+)\. What came of it:$")
_RESULT = re.compile(r"^  .* (-?\d\.\d{4}e[+-]\d+)(?:;| —|$)")
_FAILED = re.compile(r"^  failed \((\w+)")
_RUNNING = re.compile(r'^- \("(.*?)"\) (\{.*\})$')
_COUNT = re.compile(r"^(\d+) trials, of which (\d+) failed\.$")
_LEFT = re.compile(r"^Trials left: (?:at most )?(\d+)\.")
_MORE = re.compile(r"^More of trial (\d+):$")
_DEFAULT = re.compile(r"[Dd]efault (.*)\.$")
_REASONS = re.compile(r"^  chosen because: (\{.*\})$")
_SERIES = re.compile(r'^  (".*") by step: (.*)$')
_ANALYSIS = re.compile(r'^  analysis of the run: (".*")$')
_REFUSED = re.compile(r"^\d+\. You sent:$")
_SPREAD = re.compile(r"^- (\".*\"): (\S+) to (\S+)$")
_SCHEMA = "JSON schema of the arguments:"


class Lacking(Exception):  # noqa: N818 - what the prompt lacks
    """The prompt does not hold what it promises; the text names it."""


class Shown(NamedTuple):
    """One trial."""

    number: int
    proposed_by: str
    arguments: dict[str, Any]
    score: float | None  # None when it failed
    reasons: dict[str, str]  # for single arguments
    trajectory: dict[str, tuple[tuple[float, float], ...]]  # step and value
    analysis: str  # of the run, by whoever carried it out


class State(NamedTuple):
    """What a prompt of `centaur` tells of CMA-ES."""

    generation: int
    step_size: float
    mean: dict[str, Any]
    spread: dict[str, tuple[float, float]]
    suggestion: dict[str, Any]


class Prompt(NamedTuple):
    """All that a prompt tells."""

    schema: Mapping[str, Any]  # of the arguments, the place for an analysis among them
    tool: str  # the function to call; empty where a JSON object is asked for
    higher_is_better: bool
    trials: tuple[Shown, ...]  # by number
    running: tuple[dict[str, Any], ...]
    trials_left: int | None
    refused: int  # replies to this question that could not be used
    state: State | None


def read_prompt(request: Mapping[str, Any]) -> Prompt:
    """What the body of a request shows. Raises Lacking."""
    schema, tool = schema_of(request)
    lines = list(told_lines(request))
    texts = [line for line, _ in lines]
    higher, lower = (any(f"{way} is better" in line for line in texts) for way in ("higher", "lower"))
    if higher == lower:
        raise Lacking("a direction: whether higher or lower is better")
    left = [int(found[1]) for line in texts if (found := _LEFT.match(line))]
    running = [json.loads(found[2]) for line in texts if (found := _RUNNING.match(line))]
    return Prompt(
        schema=schema,
        tool=tool,
        higher_is_better=higher,
        trials=_complete(_trials(lines, schema), texts),
        running=tuple(running),
        trials_left=left[-1] if left else None,
        refused=sum(bool(_REFUSED.match(line)) for line in texts),
        state=_state(texts) if "# The optimiser's state" in texts else None,
    )


def schema_of(request: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """The schema of the only function, or of the object asked for; its name, or nothing. Raises Lacking."""
    for tool in request.get("tools", ()):
        return tool["function"]["parameters"], tool["function"]["name"]
    schema = written_schema(request)
    if schema is None:
        raise Lacking("the space: neither a function to call nor a JSON schema")
    return schema, ""


def written_schema(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema that the messages show, the latest if there are several."""
    for message in reversed(request.get("messages") or []):
        _, marker, rest = str(message.get("content", "")).rpartition(_SCHEMA)
        if marker:
            try:
                schema, _ = json.JSONDecoder().raw_decode(rest.lstrip())
            except ValueError:
                return None
            return schema if isinstance(schema, dict) else None
    return None


def told_lines(request: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """The user's lines outside code fences, each with the arguments of the model's reply before it.

    What that reply told of reasons beside its arguments is among these as "reasons".
    """
    replied: dict[str, Any] | None = None
    for message in request["messages"]:
        if message["role"] == "assistant":
            *before, said = message["content"].split("\n")
            replied = json.loads(said[said.index("{") :])
            for line in before:
                if line.startswith("Reasons: "):
                    replied["reasons"] = json.loads(line.removeprefix("Reasons: "))
        fence = ""
        for line in message["content"].split("\n") if message["role"] == "user" else ():
            if fence:
                fence = "" if line == fence else fence
            elif line.startswith("```"):
                fence = line
            else:
                yield line, replied


def thoughts(schema: Mapping[str, Any]) -> list[str]:
    """The names of the arguments that are no hyperparameters, but places for the model's words."""
    parts = schema["properties"].items()
    return [name for name, part in parts if part["type"] in ("string", "object") and "enum" not in part]


def detailed(trials: Sequence[Shown], higher_is_better: bool) -> list[Shown]:
    """The trials that a prompt shows whole: the best three and the latest three."""
    scored = [trial for trial in trials if trial.score is not None]
    sign = -1 if higher_is_better else 1
    best = sorted(scored, key=lambda trial: (sign * (trial.score or 0.0), trial.number))[:3]
    return list({trial.number: trial for trial in [*best, *trials[-3:]]}.values())


def _trials(lines: list[tuple[str, dict[str, Any] | None]], schema: Mapping[str, Any]) -> dict[int, Shown]:
    beside, defaults = thoughts(schema), _defaults(schema)
    shown: dict[int, Shown] = {}
    for place, (line, replied) in enumerate(lines):
        result = lines[place + 1][0] if place + 1 < len(lines) else ""
        if found := _TRIAL.match(line):
            number, by, arguments = int(found[1]), found[2], defaults | json.loads(found[3])
        elif found := _OWN.match(line):
            if replied is None:
                raise Lacking(f"the call that trial {found[1]} was")
            number, by, arguments = int(found[1]), "llm", replied
        else:
            if (found := _MORE.match(line)) and int(found[1]) in shown:
                shown[int(found[1])] = _with_words(shown[int(found[1])], lines[place + 1 :])
            continue
        score = _RESULT.match(result)
        if score is None and not _FAILED.match(result):
            raise Lacking(f"the result of trial {number}: {result!r}")
        reasons: dict[str, str] = next(
            (arguments[name] for name in beside if isinstance(arguments.get(name), dict)), {}
        )
        arguments = {name: value for name, value in arguments.items() if name not in beside}
        value = float(score[1]) if score else None
        shown[number] = _with_words(Shown(number, by, arguments, value, reasons, {}, ""), lines[place + 1 :])
    return shown


def _with_words(trial: Shown, lines: list[tuple[str, dict[str, Any] | None]]) -> Shown:
    """The trial with what the lines below its own tell of it."""
    for line, _ in lines:
        if not line.startswith("  ") and line:
            break
        if found := _REASONS.match(line):
            trial = trial._replace(reasons=json.loads(found[1]))
        elif found := _ANALYSIS.match(line):
            trial = trial._replace(analysis=json.loads(found[1]))
        elif found := _SERIES.match(line):
            points = (point.split(": ") for point in found[2].split(", "))
            course = tuple((float(step), float(value)) for step, value in points)
            trial = trial._replace(trajectory={**trial.trajectory, json.loads(found[1]): course})
    return trial


def _defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults that the schema tells, by name: a list of trials leaves them out."""
    told = {}
    for name, part in schema["properties"].items():
        if found := _DEFAULT.search(part.get("description", "")):
            options = [False, True] if part["type"] == "boolean" else part.get("enum")
            if options is None:
                told[name] = json.loads(found[1])
            for option in options or ():
                if found[1] == (str(option).lower() if isinstance(option, bool) else str(option)):
                    told[name] = option
    return told


def _complete(shown: dict[int, Shown], texts: list[str]) -> tuple[Shown, ...]:
    """The trials by number. A list must show all, a digest at least the latest twenty."""
    counts = [int(found[1]) for line in texts if (found := _COUNT.match(line))]
    last = counts[0] if counts else max(shown, default=0)
    first = max(1, last - 19) if counts else 1
    missing = [number for number in range(first, last + 1) if number not in shown]
    if missing:
        raise Lacking(f"the trials {missing}")
    return tuple(shown[number] for number in sorted(shown))


def _state(texts: list[str]) -> State:
    def after(label: str) -> str:
        for line in texts:
            if line.startswith(f"{label}: "):
                return line.removeprefix(f"{label}: ")
        raise Lacking(f"the optimiser's {label.lower()}")

    spread = {
        json.loads(found[1]): (float(found[2]), float(found[3]))
        for line in texts
        if (found := _SPREAD.match(line))
    }
    return State(
        generation=int(after("Generation")),
        step_size=float(after("Step size").split()[0]),
        mean=json.loads(after("Mean")),
        spread=spread,
        suggestion=json.loads(after("Its own suggestion for this call")),
    )
