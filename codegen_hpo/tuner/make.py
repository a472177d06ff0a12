"""The tuners by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.messages import Ask
from codegen_hpo.space import Space
from codegen_hpo.tuner.base import Tuner
from codegen_hpo.tuner.classical import ClassicalTuner, Sampler
from codegen_hpo.tuner.language_model import LLMTuner
from codegen_hpo.tuner.subject import Subject

History = Literal["compressed", "chat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TunerOptions:
    """How a tuner works, beside its name. What a tuner has no use for is not read."""

    history: History = "compressed"  # llm: the form of the prompt
    reasoning: bool = False  # llm: a short analysis with each call


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
) -> Tuner:
    """The tuner of this name over a space.

    Args:
        name: one of TUNERS.
        space: what it proposes points of.
        seed: not negative.
        trials: the budget, by which a hybrid shares the work; None without a limit.
        subject: what is tuned, in words; those with a model need it.
        model: the model, for those that need one.
        options: how it works.

    Raises:
        ConfigError: an unknown name, or a tuner whose model or package is missing.
    """
    options = options or TunerOptions()
    if name in _SAMPLERS:
        return ClassicalTuner(name, space, _SAMPLERS[name](space), seed)
    if name != "llm":
        raise ConfigError(f"there is no tuner {name!r}", hint=f"one of {', '.join(TUNERS)}")
    if model is None or subject is None:
        raise ConfigError(
            f"the tuner {name} needs a language model, and none is configured",
            hint="set OPENAI_API_KEY or give --base-url; --tuner tpe needs none",
        )
    return LLMTuner(
        space,
        model.ask,
        subject,
        history=options.history,
        reasoning=options.reasoning,
        model=model.name,
    )


def needs_model(name: str) -> bool:
    """Whether the tuner of this name asks a language model."""
    return name not in CLASSICAL


def _random(space: Space) -> Sampler:
    from codegen_hpo.tuner.optuna import OptunaSampler  # half a second to import

    return OptunaSampler(space, "random")


def _tpe(space: Space) -> Sampler:
    from codegen_hpo.tuner.optuna import OptunaSampler

    return OptunaSampler(space, "tpe")


_SAMPLERS: dict[str, Callable[[Space], Sampler]] = {"random": _random, "tpe": _tpe}

CLASSICAL = tuple(_SAMPLERS)
TUNERS = (*CLASSICAL, "llm")
