"""The author and the tuners that the settings name."""

from collections.abc import Callable
from typing import Literal

from codegen_hpo.author.base import Author
from codegen_hpo.author.card import task_card
from codegen_hpo.author.cookbook import CookbookAuthor
from codegen_hpo.author.language_model import LLMAuthor
from codegen_hpo.engine.settings import Settings
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.messages import Ask
from codegen_hpo.records import Candidate
from codegen_hpo.task import Task
from codegen_hpo.tuner.base import Tuner
from codegen_hpo.tuner.language_model import LLMTuner
from codegen_hpo.tuner.optuna import OptunaTuner

MakeTuner = Callable[[Candidate], Tuner]


def make_author(settings: Settings, ask: Ask | None, default_transform: str) -> Author:
    """The language model, or the cookbook where none is configured."""
    if settings.author == "cookbook":
        return CookbookAuthor(default_transform=default_transform)
    if not settings.author.startswith("llm:") or ask is None:
        raise ConfigError(
            f"the run's author is {settings.author!r}, which cannot be made from its settings",
            hint="give the endpoint (OPENAI_API_KEY or --base-url), or pass author= from Python",
        )
    return LLMAuthor(ask, settings.model, private=settings.private)


def tuner_maker(settings: Settings, task: Task, ask: Ask | None) -> MakeTuner:
    """What makes a candidate's tuner: each candidate has a space of its own."""

    def make(candidate: Candidate) -> Tuner:
        if settings.tuner in ("random", "tpe"):
            kind: Literal["random", "tpe"] = "tpe" if settings.tuner == "tpe" else "random"
            return OptunaTuner(candidate.space, kind, seed=settings.seed)
        if settings.tuner != "llm" or ask is None:
            raise ConfigError(
                f"the tuner {settings.tuner!r} needs a language model",
                hint="give the endpoint (OPENAI_API_KEY or --base-url), or --tuner tpe",
            )
        return LLMTuner(
            candidate.space,
            ask,
            card=task_card(task, private=settings.private),
            metric=task.metric,
            function=candidate.title,
            history=settings.history,
            reasoning=settings.reasoning,
            model=settings.model,
        )

    return make
