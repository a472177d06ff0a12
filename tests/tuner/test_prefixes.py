"""What a provider's prompt cache can serve: how far a request begins as the one before it."""

import json
from typing import Literal

import pytest

from codegen_hpo.bench.tokens import shared_beginning
from codegen_hpo.llm.messages import Reply, Request, ToolCall, Usage
from codegen_hpo.records import Call, Epoch, Outcome, Trial
from codegen_hpo.space import Float, Int, Space
from codegen_hpo.task import METRICS
from codegen_hpo.tuner.history import LISTED
from codegen_hpo.tuner.language_model import LLMTuner
from codegen_hpo.tuner.subject import GENERATED, function_subject

SPACE = Space({"width": Int(32, 4096, default=256), "rate": Float(1e-4, 1e-1, log=True, default=1e-3)})
SUBJECT = function_subject("# The task\n\nTrips.", "A plain MLP.", METRICS["rmse"])


class Model:
    """Proposes a width out of range, then a good one, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._widths = iter((5000, 4000))

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        sent = json.dumps({"width": next(self._widths), "rate": 0.01})
        call = ToolCall(GENERATED, sent) if request.tools else None
        return Reply(text=sent, call=call, finish="stop", usage=Usage(1, 1), model="m", seconds=0.0)


def trial(number: int) -> Trial:
    """The best are early and late ones; every fifth fails."""
    score = None if number % 5 == 0 else 4.0 + number % 3 / number
    curve = tuple(Epoch(n, 1 / n, 2 / n + 0.01 * n * number, 0.1 * n) for n in range(1, 30))
    fine = Outcome(status="ok", curve=curve, best_epoch=7, seconds=1.0)
    failed = Outcome(status="oom", error="Traceback …\nMemoryError: too large", seconds=1.0)
    by: Literal["default", "llm"] = "default" if number == 1 else "llm"
    call = Call(arguments={"width": 300 + number, "rate": 0.01}, proposed_by=by)
    return Trial(number=number, call=call, outcome=failed if score is None else fine, score=score, loss=score)


def asked(told: int, **options: object) -> list[Request]:
    """The requests of the turn after so many trials: the first, and one after a refusal."""
    model = Model()
    tuner = LLMTuner(SPACE, model, SUBJECT, **options)  # type: ignore[arg-type]
    for number in range(1, told + 1):
        tuner.tell(trial(number))
    tuner.ask(LISTED - told)
    return model.requests


def written(request: Request) -> str:
    """The request as a model reads it: tools first, then the messages."""
    tools = json.dumps([tool.parameters for tool in request.tools])
    return tools + "".join(f"\n{message.role}\n{message.content}" for message in request.messages)


@pytest.mark.parametrize("replies", ["call", "json"])
@pytest.mark.parametrize("history", ["compressed", "chat"])
def test_a_turn_begins_as_the_one_before_up_to_its_latest_trial(history: str, replies: str) -> None:
    for told in (1, 4, 5, 20):
        (first, refused), (later, _) = (asked(n, history=history, replies=replies) for n in (told, told + 1))
        cut = "\nBest first:" if history == "compressed" else "\n\nTrials left:"
        before, found, _ = written(first).partition(cut)
        assert found
        assert written(later).startswith(before)
        assert written(refused).startswith(written(first).partition("\nTrials left: ")[0])


@pytest.mark.parametrize("history", ["compressed", "chat"])
def test_most_of_a_late_turn_is_what_was_sent_before(history: str) -> None:
    before, later = (written(asked(n, history=history)[0]) for n in (29, 30))
    assert shared_beginning(before, later) > 0.85 * len(later)


def test_the_schema_in_the_prompt_comes_before_all_that_changes() -> None:
    first, later = (written(asked(n, replies="json")[0]) for n in (3, 9))
    begins = later[: shared_beginning(first, later)]
    assert '"additionalProperties": false}' in begins.partition("JSON schema of the arguments:")[2]
