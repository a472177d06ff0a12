"""The Creator's last word on a search: what was best, what mattered, what to try next.

Method: "Large Language Model Agent for Hyper-Parameter Optimization" (arXiv 2402.01881, section 3.4 and
appendix D). Which trial was best and how important a hyperparameter was are the host's to say; the model is
told both and explains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from codegen_hpo.agenthpo.importance import BY_CHANCE, Importances, importances
from codegen_hpo.agenthpo.standing import base, standing
from codegen_hpo.engine.limits import Ending, Spent
from codegen_hpo.llm.dialogue import Action, Done, Refused, converse
from codegen_hpo.llm.messages import Ask, Message, Tool
from codegen_hpo.llm.prompts import render
from codegen_hpo.llm.schema import strict_object
from codegen_hpo.objective.settings import Aim
from codegen_hpo.records import Trial, ranked
from codegen_hpo.tuner.feedback import arguments_text
from codegen_hpo.tuner.history import compressed
from codegen_hpo.tuner.subject import script_subject, with_options

STEPS = 3  # replies that are asked for until one is usable
DIRECTIONS = 8
_TEXTS = 20  # hyperparameters of which the model writes; of more, the most important ones

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalAnalysis:
    """What is said of a search when it has ended. The model's words are as it wrote them."""

    best: str  # the name of the best trial; empty if none has a value
    importances: Importances
    summary: str = ""  # the model's words, as are the next two
    influence: Mapping[str, str] = field(default_factory=dict)  # of each hyperparameter
    directions: tuple[str, ...] = ()  # for future work
    missing: str = ""  # why there are no words of a model; empty if there are

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"importances": self.importances.to_json(), "influence": dict(self.influence)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FinalAnalysis":
        read = {
            "importances": Importances.from_json(data["importances"]),
            "directions": tuple(data["directions"]),
        }
        return cls(**dict(data) | read)


class _Words(BaseModel):
    """The arguments of the tool, which are the model's."""

    model_config = ConfigDict(extra="forbid", strict=True)

    influence: dict[str, _Text]
    directions: list[_Text]
    summary: _Text


def analyse(ask: Ask | None, aim: Aim, trials: Sequence[Trial], ending: Ending) -> FinalAnalysis:
    """The analysis; without a model, or a usable reply of it, the computed part alone.

    Args:
        ask: reaches the model; None if there is none.
        aim: what was tuned.
        trials: that were made.
        ending: why the search ended.

    Raises:
        EndpointError: the model cannot be had.
    """
    if ask is None or not trials:
        return wordless(aim, trials, "no trial was made" if ask else "no model was asked")
    computed = wordless(aim, trials, "")
    asked = _asked_of(computed.importances)
    messages = _messages(aim, trials, computed.importances, ending)
    action = Action(_tool(asked), lambda arguments: _conclude(arguments, asked))
    try:
        ended = converse(ask, "analyse", messages, [action], steps=STEPS)
    except Spent as spent:
        return replace(computed, missing=f"the budget for the model is used up: {spent}")
    if ended.value is None:
        return replace(computed, missing=f"the model gave no usable analysis: {ended.reason}")
    words: _Words = ended.value
    return replace(
        computed,
        summary=words.summary,
        influence={name: words.influence[name] for name in asked},
        directions=tuple(words.directions),
    )


def wordless(aim: Aim, trials: Sequence[Trial], why: str) -> FinalAnalysis:
    """The computed part alone, with why there are no words of a model."""
    best = next((trial.name for trial in ranked(trials)), "")
    return FinalAnalysis(best=best, importances=importances(aim.space, trials), missing=why)


def _asked_of(computed: Importances) -> list[str]:
    """The hyperparameters of which the model is to write: all, or the most important of many."""
    return [influence.name for influence in computed.influences[:_TEXTS]]


def _conclude(arguments: dict[str, Any], names: Sequence[str]) -> str:
    """Ends the dialogue with the words. Raises Refused if they are not complete, or else Done."""
    try:
        words = _Words.model_validate(arguments)
    except ValidationError as error:
        told = (f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()[:10])
        raise Refused("; ".join(told)) from error
    if unknown := [name for name in words.influence if name not in names]:
        raise Refused(f"influence has {unknown[0][:80]!r}; the hyperparameters are {', '.join(names)}")
    if lacking := [name for name in names if name not in words.influence]:
        raise Refused(f"influence says nothing of {', '.join(lacking)}: give a text for each hyperparameter")
    if not 1 <= len(words.directions) <= DIRECTIONS:
        raise Refused(f"directions holds {len(words.directions)} texts, 1 to {DIRECTIONS} are expected")
    raise Done(words)


def _tool(names: Sequence[str]) -> Tool:
    said = "How its value changed the metric, by the trials that show it, in at most 60 words."
    texts = {name: {"type": "string", "description": said} for name in names}
    properties = {
        "influence": strict_object(texts)
        | {"description": "For each hyperparameter, what the trials show of it."},
        "directions": {
            "type": "array",
            "items": {"type": "string"},
            "description": f"What to try next and why: 1 to {DIRECTIONS} texts of at most 40 words.",
        },
        "summary": {"type": "string", "description": "What the search found, in at most 120 words."},
    }
    return Tool(
        name="conclude",
        description="Records the final analysis of the search.",
        parameters=strict_object(properties),
    )


def _messages(
    aim: Aim, trials: Sequence[Trial], computed: Importances, ending: Ending
) -> tuple[Message, Message]:
    subject = script_subject(aim.about, aim.direction, aim.space)
    asked = render(
        "analyse",
        about=aim.about.strip(),
        metric=aim.direction,
        dimensions=[(name, with_options(dimension)) for name, dimension in aim.space.items()],
        base=arguments_text(base(aim.space)),
        trials=compressed(trials, subject, aim.space),
        standing=standing(aim, trials),
        computed=computed,
        influences=computed.influences[:_TEXTS],
        by_chance=BY_CHANCE,
        ending=ending.reason,
        directions=DIRECTIONS,
    )
    return Message("system", render("analyse_system")), Message("user", asked)
