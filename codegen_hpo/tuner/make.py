"""The tuners by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.messages import Ask
from codegen_hpo.space import Arguments, Space
from codegen_hpo.tuner.base import Tuner
from codegen_hpo.tuner.centaur import CentaurTuner, check_turns
from codegen_hpo.tuner.classical import ClassicalTuner, Sampler, startup
from codegen_hpo.tuner.history import History
from codegen_hpo.tuner.language_model import LLMTuner, Replies, Role
from codegen_hpo.tuner.names import CLASSICAL, check_tuner
from codegen_hpo.tuner.outlook import Outlook
from codegen_hpo.tuner.subject import Subject
from codegen_hpo.tuner.warm_start import WarmStartTuner, first_turns


@dataclass(frozen=True, slots=True, kw_only=True)
class TunerOptions:
    """How a tuner works, beside its name. What a tuner has no use for is not read.

    Raises:
        ConfigError: a choice that there is not, or a number out of range.
    """

    history: History = "compressed"  # llm and hybrids: the form of the prompt; centaur has its own
    reasoning: bool = False  # with a model: a short analysis with each call
    reasons: bool = False  # with a model: a reason for each value of a call
    role: Role = "expert"  # with a model: whether the system message makes an expert of it
    replies: Replies = "call"  # with a model: by a function call, or as one JSON object in the text
    llm_trials: int | None = None  # hybrids: calls of the model before the other tuner's; None: a third
    llm_share: float = 0.3  # centaur: the share of the calls after the warm-up that the model makes

    def __post_init__(self) -> None:
        for name, choices in (("history", History), ("role", Role), ("replies", Replies)):
            if getattr(self, name) not in get_args(choices):
                raise ConfigError(
                    f"{name} is {getattr(self, name)!r}", hint=f"one of {', '.join(get_args(choices))}"
                )
        if self.llm_trials is not None and self.llm_trials < 1:
            raise ConfigError(
                f"the model's first calls are {self.llm_trials}, expected 1 or more",
                hint="without any, take the classical tuner alone, such as --tuner tpe",
            )
        if not 0 < self.llm_share <= 1:
            raise ConfigError(
                f"the model's share of the calls is {self.llm_share}, expected more than 0 and at most 1",
                hint="without any, take --tuner cmaes",
            )


class Model(NamedTuple):
    """A language model within reach."""

    ask: Ask
    name: str


def make_tuner(
    name: str,
    space: Space,
    *,
    seed: int,
    trials: int | None = None,
    subject: Subject | None = None,
    model: Model | None = None,
    options: TunerOptions | None = None,
    outlook: Outlook | None = None,
    first: Sequence[Arguments] = (),
) -> Tuner:
    """The tuner of this name over a space.

    Args:
        name: one of names.TUNERS.
        space: what it proposes points of.
        seed: not negative.
        trials: the budget, by which a hybrid shares the work; None without a limit.
        subject: what is tuned, in words; those with a model need it.
        model: the model, for those that need one.
        options: how it works.
        outlook: what a model is told of time.
        first: points that a classical tuner proposes before those of its own.

    Raises:
        ConfigError: an unknown name, a tuner whose model or package is missing, or too few trials for it.
    """
    check_tuner(name, with_model=model is not None and subject is not None)
    if name in CLASSICAL or model is None or subject is None:  # without them it is classical: checked above
        return ClassicalTuner(name, space, _sampler(name, space, seed, trials), seed, first)
    options = options or TunerOptions()
    check_trials(name, options, trials)
    asked = _language_model(name, space, subject, model, options, outlook)
    if name == "llm":
        return asked
    if name == "centaur":
        return CentaurTuner(space, asked, seed, options.llm_share)
    then = make_tuner(name.removeprefix("llm+"), space, seed=seed, trials=trials, first=first)
    turns = first_turns(trials) if options.llm_trials is None else options.llm_trials
    return WarmStartTuner(name, space, asked, then, turns)


def check_trials(name: str, options: TunerOptions, trials: int | None, given: int = 0) -> None:
    """Raises ConfigError if the trials leave the model of a hybrid no turn.

    Args:
        name: of the tuner.
        options: how it works.
        trials: the budget; None without a limit.
        given: of them, those that no tuner proposes: at the defaults, at start points.
    """
    if name == "centaur" and trials is not None:
        check_turns(max(trials - given, 0), options.llm_share)


def _language_model(
    name: str, space: Space, subject: Subject, model: Model, options: TunerOptions, outlook: Outlook | None
) -> LLMTuner:
    return LLMTuner(
        space,
        model.ask,
        subject,
        history="digest" if name == "centaur" else options.history,
        reasoning=options.reasoning,
        reasons=options.reasons,
        role=options.role,
        replies=options.replies,
        model=model.name,
        outlook=outlook,
    )


def _sampler(name: str, space: Space, seed: int, trials: int | None) -> Sampler:
    match name:
        case "random" | "tpe" | "gp":
            from codegen_hpo.tuner.optuna import OptunaSampler  # half a second to import

            return OptunaSampler(space, name, startup(trials))
        case "smac-rf" | "smac-gp":
            from codegen_hpo.tuner.smac import SmacSampler

            return SmacSampler(space, name, startup(trials), seed)
        case "cmaes":
            from codegen_hpo.tuner.cmaes import CmaesSampler

            return CmaesSampler(space)
    raise ValueError(f"not a classical tuner: {name}")
