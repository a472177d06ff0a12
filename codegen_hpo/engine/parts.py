"""The author, the tuners, the sandbox and the model that the settings name."""

import os
from collections.abc import Callable

from codegen_hpo.author.base import Author
from codegen_hpo.author.card import tuning_card
from codegen_hpo.author.cookbook import CookbookAuthor
from codegen_hpo.author.language_model import LLMAuthor
from codegen_hpo.engine.capacity import devices, read_capacity
from codegen_hpo.engine.settings import Settings
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.events import LLMEvent
from codegen_hpo.llm.messages import Ask
from codegen_hpo.llm.retry import Patience
from codegen_hpo.records import Candidate
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sandbox.choose import choose_sandbox
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.spread import Spread
from codegen_hpo.space import Arguments, Choice, Space
from codegen_hpo.task import Task
from codegen_hpo.tuner.base import Tuner
from codegen_hpo.tuner.make import Model, make_tuner
from codegen_hpo.tuner.outlook import Outlook
from codegen_hpo.tuner.subject import function_subject

MakeTuner = Callable[[Candidate], Tuner]
MakeTimedTuner = Callable[[Candidate, Outlook], Tuner]
MakeAsk = Callable[[Callable[[LLMEvent], None]], Ask]


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


def tuner_maker(settings: Settings, task: Task, ask: Ask | None, trials: int | None) -> MakeTimedTuner:
    """What makes a candidate's tuner: each candidate has a space of its own.

    Args:
        settings: name the tuner.
        task: what it tunes for.
        ask: reaches the model, if there is one.
        trials: the budget by which a hybrid shares the work.
    """

    model = Model(ask, settings.model) if ask else None

    def make(candidate: Candidate, outlook: Outlook) -> Tuner:
        card = tuning_card(task, private=settings.private)
        return make_tuner(
            settings.tuner,
            candidate.space,
            seed=settings.seed,
            trials=trials,
            subject=function_subject(card, candidate.title, task.metric),
            model=model,
            options=settings.tuning,
            outlook=outlook,
            first=_plain_target(candidate.space) if task.kind == "regression" else (),
        )

    return make


def _plain_target(space: Space) -> list[Arguments]:
    """The defaults, but for the target as it is and absolute errors, where the function lets them be chosen.

    Which is better only a trial tells. Test RMSE of the first recipe at its defaults, which take the log of
    both of these targets, and with this, 25 s at most: taxis 3.88 and 4.28 (two seeds), diamonds 580 and 529.
    """
    changes = {
        name: value
        for name, value in (("target_transform", "none"), ("loss", "mae"))
        if isinstance(dimension := space.get(name), Choice) and value in dimension.options
    }
    return [space.defaults() | changes] if changes else []


def find_sandbox(sandbox: str | Sandbox, settings: Settings, trusted: bool) -> Sandbox:
    """The sandbox called so, under the settings' limits; one that is given is taken. Raises SandboxError."""
    if not isinstance(sandbox, str):
        return sandbox
    limits = Limits(memory_bytes=settings.memory_bytes, cpus=settings.threads)
    capacity = read_capacity(visible=os.environ.get("CUDA_VISIBLE_DEVICES"))
    places = [
        choose_sandbox(sandbox, trusted=trusted, unsafe=settings.unsafe, device=device, limits=limits)
        for device in devices(capacity, settings.device, settings.at_once)
    ]
    return places[0] if len(places) == 1 else Spread(places)


def asker(endpoint: Endpoint | None, reply_s: float) -> MakeAsk | None:
    """What reaches the endpoint once it is told where its waits are noted; None without an endpoint."""
    if endpoint is None:
        return None

    def make(on_event: Callable[[LLMEvent], None]) -> Ask:
        from codegen_hpo.llm.client import Client  # the openai client takes half a second to import

        return Client(endpoint, patience=Patience(deadline_s=reply_s), on_event=on_event).ask

    return make
