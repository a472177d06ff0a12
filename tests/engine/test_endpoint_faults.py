"""A model's endpoint that misbehaves: what is asked, waited for, recorded and returned."""

from collections.abc import Callable

import pytest

from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import EndpointError
from codegen_hpo.run import Run
from codegen_hpo.testing import ScriptedSandbox, ScriptedServer, replies
from codegen_hpo.testing.replies import Scripted

Start = Callable[..., Run]
MODEL = {"author": None, "tuner": None, "model": "scripted", "unsafe": True}
CALL = replies.call({"learning_rate": 0.05, "momentum": 0.5})


def events(run: Run, kind: str) -> list[dict[str, object]]:
    return [dict(event.data) for event in run.folder.of_kind(kind)]


@pytest.mark.parametrize(
    "fault",
    [
        replies.fault(429, headers={"Retry-After": "0"}),
        replies.fault(500, headers={"Retry-After": "0"}),
        replies.fault(503, headers={"Retry-After": "0"}),
        replies.fault(529, headers={"Retry-After": "0"}),
        replies.fault(408, headers={"Retry-After": "0"}),
    ],
    ids=lambda fault: str(fault.status),
)
def test_a_passing_fault_is_waited_out_in_sight(start: Start, source: str, fault: Scripted) -> None:
    with ScriptedServer([fault, replies.code(source), CALL]) as server:
        run = start(**MODEL, base_url=server.base_url, budget=Budget(trials=2))
        assert len(server.requests) == 3
    waits = events(run, "model_wait")
    assert len(waits) == 1
    assert str(fault.status) in str(waits[0]["text"])
    assert len(events(run, "reply")) == 2
    assert run.ledger.total.attempts == 3
    assert run.history.state == "done"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (replies.fault(401), "401"),
        (replies.fault(403), "403"),
        (replies.fault(404), "scripted"),
        (replies.quota(), "quota"),
        (replies.fault(429, headers={"Retry-After": "300"}), "300"),
    ],
    ids=["401", "403", "404", "quota", "retry-after-300"],
)
def test_a_lasting_fault_ends_the_run_at_once_with_exit_code_4(
    start: Start, source: str, fault: Scripted, said: str
) -> None:
    with ScriptedServer([fault, replies.code(source)]) as server:
        with pytest.raises(EndpointError, match=said) as caught:
            start(**MODEL, base_url=server.base_url)
        assert len(server.requests) == 1
    assert caught.value.exit_code == 4
    assert caught.value.hint
    assert caught.value.run is not None
    run = Run.open(caught.value.run)
    assert run.history.state == "failed"
    assert events(run, "failed")[0]["message"] == str(caught.value)


def test_an_endpoint_that_fails_in_the_middle_leaves_a_scored_winner_and_can_be_resumed(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    with ScriptedServer([replies.code(source), CALL, replies.quota(), CALL]) as server:
        with pytest.raises(EndpointError) as caught:
            start(**MODEL, base_url=server.base_url, budget=Budget(trials=4))
        assert caught.value.run is not None
        run = Run.open(caught.value.run)
        assert len(run.history.trials) == 2
        assert run.history.final is not None
        assert "endpoint failed" in run.history.final.reason

    other = [replies.call({"learning_rate": 0.03, "momentum": m}) for m in (0.1, 0.2)]
    with ScriptedServer(other) as server:
        run.resume(base_url=server.base_url, sandbox=sandbox, environ={})
        assert len(server.requests) == 2
    assert len(run.history.trials) == 4
    assert run.history.state == "done"


def test_an_unreachable_endpoint_is_named(start: Start) -> None:
    with ScriptedServer() as server:
        gone = server.base_url
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1"):
        start(**MODEL, base_url=gone, reply_s=1.0)


@pytest.mark.parametrize(
    "bad",
    [
        replies.refusal(),
        replies.content_filter(),
        replies.truncated(replies.code("x = 1\n" * 50)),
        replies.text("no code"),
        replies.code("x = 1", language="javascript"),
    ],
    ids=["refusal", "content-filter", "length", "prose", "wrong-language"],
)
def test_a_reply_without_a_function_is_an_attempt_that_is_answered(
    start: Start, source: str, bad: Scripted
) -> None:
    with ScriptedServer([bad, replies.code(source)]) as server:
        run = start(**MODEL, base_url=server.base_url, budget=Budget(trials=1))
        assert len(server.requests) == 2
    first, second = run.history.attempts
    assert first.findings
    assert not second.findings


@pytest.mark.slow
@pytest.mark.parametrize(
    "bad",
    [
        replies.text("I would try a higher rate."),
        replies.call({"learning_rate": 5.0, "momentum": 0.5}),
        replies.call({"learning_rate": "fast", "momentum": 0.5}),
        replies.call({"learning_rate": 0.05, "momentum": 0.5, "depth": 3}),
        replies.call("{'learning_rate': 0.05}"),
        replies.call('{"learning_rate": NaN, "momentum": 0.5}'),
        replies.call("x" * 1_000_000),
        replies.call({"learning_rate": 0.05, "momentum": 0.5}, name="another_function"),
        replies.truncated(CALL, label="tool_calls"),
        replies.truncated(CALL),
        replies.refusal(),
    ],
    ids=[
        "prose",
        "out-of-range",
        "wrong-type",
        "extra-key",
        "single-quotes",
        "nan",
        "megabyte",
        "unknown-tool",
        "truncated-tool-calls",
        "length",
        "refusal",
    ],
)
def test_a_call_that_cannot_be_used_is_complained_of_and_costs_no_trial(
    start: Start, source: str, bad: Scripted
) -> None:
    with ScriptedServer([replies.code(source), bad, CALL]) as server:
        run = start(**MODEL, base_url=server.base_url, budget=Budget(trials=2))
        assert len(server.requests) == 3
        assert len(str(server.requests[2].body)) < 60_000
    assert [trial.call.arguments["learning_rate"] for trial in run.history.trials] == [0.01, 0.05]


def test_a_model_that_never_sends_a_usable_call_ends_the_tuning_and_keeps_what_there_is(
    start: Start, source: str
) -> None:
    with ScriptedServer([replies.code(source)] + [replies.text("hm")] * 20) as server:
        run = start(**MODEL, base_url=server.base_url, budget=Budget(trials=9))
        assert len(server.requests) <= 8
    assert run.history.state == "done"
    assert len(run.history.trials) == 1
    assert run.history.final is not None
    assert "call" in run.history.final.reason


def test_each_trial_records_where_it_came_from(start: Start, source: str) -> None:
    with ScriptedServer([replies.code(source), replies.text("hm"), CALL]) as server:
        run = start(**MODEL, base_url=server.base_url, budget=Budget(trials=2))
    exchanges = events(run, "reply")
    first, second = events(run, "trial")
    assert first["prompt_hash"] == exchanges[0]["request_hash"]
    assert second["prompt_hash"] == exchanges[2]["request_hash"]
    assert first["tokens"] + second["tokens"] == run.ledger.total.tokens  # type: ignore[operator]
    assert second["code_hash"] == run.best.candidate.code_hash
    assert second["bundle_hash"] == events(run, "prepared")[0]["bundle_hash"]
    assert second["worker"]["torch"]  # type: ignore[index]


def test_the_token_limit_ends_the_search_before_the_next_request(start: Start, source: str) -> None:
    calls = [replies.call({"learning_rate": 0.01 * k, "momentum": 0.5}) for k in range(1, 8)]
    with ScriptedServer([replies.code(source), *calls]) as server:
        run = start(**MODEL, base_url=server.base_url, budget=Budget(trials=8, tokens=1))
        assert len(server.requests) == 1
    assert run.history.final is not None
    assert "1 tokens are spent" in run.history.final.reason
