"""A question about a run, answered by a model from the run's record, with what the answer rests on.

"Using Large Language Models for Hyperparameter Optimization" (arXiv 2312.04528, section 5.2) has a model help
with an error message, and warns that it makes things up. Here the model reads the record, the trials and
events that it names are looked up, and numbers that it was not shown are marked.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from codegen_hpo.agenthpo.figures import Figures
from codegen_hpo.assistant.digest import digest, listed_trials, trial_line
from codegen_hpo.assistant.record import Record
from codegen_hpo.assistant.trial_sheet import PARTS, Part, sheet
from codegen_hpo.llm.dialogue import OBSERVATION, Action, Done, Refused, converse
from codegen_hpo.llm.messages import Ask, Message, Tool
from codegen_hpo.llm.prompts import quoted, render
from codegen_hpo.llm.schema import strict_object
from codegen_hpo.records import Event, Trial
from codegen_hpo.sandbox.plain_text import plain

STEPS = 12  # replies of the model
_QUESTION = 2_000  # characters
_TEXT = 6_000  # of an answer
_LISTED = 3_600  # characters of one list of events: an observation holds little more
_STRING, _ITEMS = 400, 30  # of an event's data, kept of a text and of a list


_Act = Callable[[dict[str, Any]], str]


class Citation(NamedTuple):
    """Something of the record that an answer rests on."""

    name: str  # "t004" or "event 31"
    facts: str  # what the record says of it, on one line


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model answered; the text is empty if it gave no usable answer, and `reason` says why."""

    text: str = ""
    certain: bool = False  # whether the model says that the record tells it
    trials: tuple[Citation, ...] = ()
    events: tuple[Citation, ...] = ()
    unknown: tuple[str, ...] = ()  # numbers in the text that the model was not shown; they are marked there
    steps: int = 0
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {
            name: [citation._asdict() for citation in getattr(self, name)] for name in ("trials", "events")
        }


def answer(run: Path, question: str, ask: Ask, *, steps: int = STEPS) -> Answer:
    """The model's answer, from the run's record. Nothing is written to the run, which may go on meanwhile.

    Raises:
        ConfigError: it is no run, or damaged.
        and what `ask` raises.
    """
    reader = _Reader(Record.open(run))
    messages = reader.begin(plain(question).strip()[:_QUESTION])
    ended = converse(ask, "ask", messages, reader.actions(), steps=steps)
    if ended.value is None:
        return Answer(steps=ended.steps, reason=ended.reason)
    return reader.concluded(ended.value, ended.steps)


class _Said(NamedTuple):
    """What the model sent as its answer, found to name nothing that it was not shown."""

    text: str
    trials: Sequence[Trial]
    events: Sequence[Event]
    certain: bool


class _Reader:
    """Shows a model the record piece by piece, and keeps what it has shown."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._shown: list[str] = []
        self._trials = {trial.number for trial in listed_trials(record.history.trials)}
        self._events = {record.recorded(t).number for t in record.history.trials if t.number in self._trials}

    def begin(self, question: str) -> tuple[Message, ...]:
        """The messages with which the dialogue begins."""
        shown = digest(self._record)
        self._shown += [shown, question]
        text = render("ask_question", digest=shown, question=question, tool=_ANSWER.name)
        return (Message("system", render("ask_system")), Message("user", text))

    def actions(self) -> list[Action]:
        """What the model may do."""
        looks = ((_READ_TRIAL, self._trial), (_LIST_EVENTS, self._list), (_READ_EVENT, self._event))
        return [*(Action(tool, self._keeping(act)) for tool, act in looks), Action(_ANSWER, self._answer)]

    def concluded(self, said: _Said, steps: int) -> Answer:
        """The answer with the facts behind it."""
        marked = Figures.of_texts(self._shown).marked(said.text)
        return Answer(
            text=marked.text,
            certain=said.certain,
            trials=tuple(Citation(trial.name, trial_line(self._record, trial)) for trial in said.trials),
            events=tuple(Citation(f"event {event.number}", _event_line(event)) for event in said.events),
            unknown=marked.missing,
            steps=steps,
        )

    def _keeping(self, act: _Act) -> _Act:
        def look(arguments: dict[str, Any]) -> str:
            shown = act(arguments)
            self._shown.append(shown[:OBSERVATION])
            return shown

        return look

    def _trial(self, arguments: Mapping[str, Any]) -> str:
        trial = self._found(arguments["trial"])
        self._trials.add(trial.number)
        self._events.add(self._record.recorded(trial).number)
        return sheet(self._record, trial, cast(Part, arguments["part"]), max(0, arguments["from_line"]))

    def _list(self, arguments: Mapping[str, Any]) -> str:
        events = self._record.folder.of_kind(arguments["kind"])
        if not events:
            kinds = sorted({event.kind for event in self._record.folder.events})
            raise Refused(f"there are no events of this kind; there are {', '.join(map(quoted, kinds))}")
        lines: list[str] = []
        room = _LISTED
        for event in reversed(events):
            line = _event_line(event)
            room -= len(line) + 1
            if room < 0:
                break
            lines.insert(0, line)
            self._events.add(event.number)
        left_out = len(events) - len(lines)
        return "\n".join([*([f"({left_out} earlier ones are left out)"] if left_out else []), *lines])

    def _event(self, arguments: Mapping[str, Any]) -> str:
        event = self._record.event(arguments["number"])
        if event is None:
            raise Refused(f"there is no event {arguments['number']}: they are 1 to {self._last}")
        self._events.add(event.number)
        data = json.dumps(_shortened(event.data), indent=1, ensure_ascii=False)
        return f"{_event_line(event)}\n{data}"

    def _answer(self, arguments: Mapping[str, Any]) -> str:
        """Ends the dialogue. Raises Refused if something is named that the model was not shown, and Done."""
        text = plain(arguments["text"]).strip()
        if not text or len(text) > _TEXT:
            raise Refused(f"the text has {len(text)} characters: 1 to {_TEXT} are wanted")
        trials = [self._found(name) for name in dict.fromkeys(map(str, arguments["trials"]))]
        if unseen := [trial.name for trial in trials if trial.number not in self._trials]:
            raise Refused(f"{unseen[0]} was not shown to you: read it before you rely on it")
        if not all(type(number) is int for number in arguments["events"]):
            raise Refused("events must be a list of whole numbers")
        numbers = list(dict.fromkeys(arguments["events"]))
        found = [self._record.event(number) for number in numbers]
        events = [event for event in found if event and event.number in self._events]
        if len(events) < len(numbers):
            wrong = [number for number in numbers if number not in {event.number for event in events}]
            raise Refused(
                f"event {wrong[0]} was not shown to you: the events are 1 to {self._last}; read it before "
                "you rely on it"
            )
        if arguments["certain"] and not trials and not events:
            raise Refused(
                "it names neither a trial nor an event: name what it rests on, or, if the record does not "
                "tell, say so and set certain to false"
            )
        raise Done(_Said(text, trials, events, arguments["certain"]))

    def _found(self, name: str) -> Trial:
        trial = self._record.history.trial(name.strip())
        if trial is None:
            count = len(self._record.history.trials)
            raise Refused(f"there is no trial {quoted(name)}: the run has {count} trials, named as in t001")
        return trial

    @property
    def _last(self) -> int:
        return len(self._record.folder.events)


def _event_line(event: Event) -> str:
    about = f" {quoted(event.key)}" if event.key else ""
    when = f"at {event.elapsed_s:.0f} s, {quoted(event.time, 30)}"
    return f"event {event.number}: {quoted(event.kind, 40)}{about} {when}"


def _shortened(value: Any) -> Any:
    """JSON with long texts and lists cut."""
    if isinstance(value, str):
        text = plain(value)
        return text if len(text) <= _STRING else f"{text[:_STRING]}… ({len(text)} characters)"
    if isinstance(value, Mapping):
        return {plain(str(key)): _shortened(item) for key, item in list(value.items())[:_ITEMS]}
    if isinstance(value, list | tuple):
        more = len(value) - _ITEMS
        return [*map(_shortened, value[:_ITEMS]), *([f"… and {more} more"] if more > 0 else [])]
    return value


# -- what the model may call --------------------------------------------------------------------


def _tool(name: str, description: str, **properties: dict[str, Any]) -> Tool:
    return Tool(name=name, description=description, parameters=strict_object(properties))


_READ_TRIAL = _tool(
    "read_trial",
    "Shows what was recorded of one trial: its facts with reasons and error, its curve, log, or source.",
    trial={"type": "string", "description": "Its name, as in t004."},
    part={"type": "string", "enum": list(PARTS)},
    from_line={
        "type": "integer",
        "description": "Where a log or source begins; 0: the end of a log, the line of a source that failed.",
    },
)
_LIST_EVENTS = _tool(
    "list_events",
    "Lists the latest events of one kind.",
    kind={"type": "string", "description": "One of the kinds that the digest counts."},
)
_READ_EVENT = _tool(
    "read_event",
    "Shows what one event recorded.",
    number={"type": "integer"},
)
_ANSWER = _tool(
    "answer",
    "Answers the question, and ends the work.",
    text={"type": "string", "description": "The answer, in at most 250 words."},
    trials={
        "type": "array",
        "items": {"type": "string"},
        "description": "Names of the trials it rests on, as in t004; may be empty.",
    },
    events={
        "type": "array",
        "items": {"type": "integer"},
        "description": "Numbers of the events it rests on; may be empty.",
    },
    certain={"type": "boolean", "description": "Whether the record tells it."},
)
