"""`minimize` as a user calls it, recorded or not."""

import errno
import math
import threading
from pathlib import Path
from typing import Any

import pytest

import codegen_hpo as ch
from codegen_hpo.errors import ConfigError, EndpointError, Interrupted, StorageError
from codegen_hpo.records import Trial
from codegen_hpo.testing import ScriptedAuthor, ScriptedServer, replies
from codegen_hpo.testing.strategies import LocalSearch
from codegen_hpo.tuner.names import TUNERS, needs_model

SPACE = {
    "x": ch.Float(-5.0, 5.0),
    "rate": ch.Float(1e-5, 1e-1, log=True),
    "n": ch.Int(1, 12),
    "act": ch.Choice(("p", "q", "r")),
}


CONFIGURED = {"OPENAI_BASE_URL": "http://localhost:1/v1", "CODEGEN_HPO_MODEL": "m"}


def bowl(arguments: dict[str, Any]) -> float:
    """Lowest at x 2, rate 1e-3, n 4, act q; no value where n is 9 or more."""
    if arguments["n"] >= 9:
        raise ch.Infeasible("n is too large")
    off = abs(math.log10(arguments["rate"]) + 3)
    miss = 0.0 if arguments["act"] == "q" else 2.0
    return float((arguments["x"] - 2) ** 2 + off + abs(arguments["n"] - 4) / 4 + miss)


def told(trials: tuple[Trial, ...]) -> list[tuple[object, ...]]:
    """What must not depend on what happened around a search."""
    return [(t.name, t.call, t.score, t.outcome.status, t.outcome.error) for t in trials]


class Killed(BaseException):
    """Stands for a kill: nothing of ours may handle it."""


class Broken:
    """The bowl, whose call of one number ends the process."""

    def __init__(self, at: int) -> None:
        self._at, self._calls, self._lock = at, 0, threading.Lock()

    def __call__(self, arguments: dict[str, Any]) -> float:
        with self._lock:
            self._calls += 1
            broken = self._calls == self._at
        if broken:
            raise Killed
        return bowl(arguments)


def test_the_best_arguments_and_value_are_those_of_a_trial() -> None:
    found = ch.minimize(bowl, SPACE, trials=40, tuner="tpe")
    assert found.best is not None
    assert bowl(found.best) == found.value
    assert found.value == min(t.score for t in found.trials if t.score is not None)
    assert found.value < 3
    assert {t.outcome.status for t in found.trials} == {"ok", "error"}
    assert (len(found.trials), found.ended, found.run) == (40, "40 trials are done", None)


def test_the_highest_value_is_looked_for_when_that_is_asked() -> None:
    found = ch.minimize(lambda a: -bowl(a), SPACE, trials=12, maximize=True, metric="gain", tuner="random")
    frame = found.leaderboard()
    assert found.value == frame["gain"].max() == frame["gain"][0]
    assert list(frame["status"])[-1] == "error"
    assert set(frame.columns) >= {"name", "proposed_by", "seconds", "arg:x", "arg:act"}


def test_failed_trials_give_no_value() -> None:
    found = ch.minimize(lambda a: math.nan, SPACE, trials=3)
    assert (found.best, found.value) == (None, None)
    assert [t.outcome.status for t in found.trials] == ["nan"] * 3


def test_declared_defaults_are_tried_first_and_start_points_before_the_tuner() -> None:
    space = {"x": ch.Float(0.0, 1.0, default=0.25), "n": ch.Int(1, 3, default=2)}
    by_default = ch.minimize(lambda a: a["x"], space, trials=2, tuner="random").trials
    first = by_default[0].call
    assert (dict(first.arguments), first.proposed_by) == ({"x": 0.25, "n": 2}, "default")
    start = [{"x": 0.5}, {"x": 0.75, "n": 1}, {"x": 0.5, "n": 2}]
    trials = ch.minimize(lambda a: a["x"], space, trials=3, tuner="random", start=start).trials
    assert [t.call.proposed_by for t in trials] == ["start", "start", "random"]
    assert dict(trials[0].call.arguments) == {"x": 0.5, "n": 2}
    undeclared = ch.minimize(lambda a: a["x"], {"x": ch.Float(0.0, 1.0)}, trials=1, tuner="random").trials
    assert undeclared[0].call.proposed_by == "random"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"space": {"x": ch.Float(2.0, 1.0)}}, "low 2 is above high 1"),
        ({"start": [{"x": 9.0}]}, "the start point 1 is not in the space"),
        ({"start": {"x": 1.0}}, "expected a list"),
        ({"tuner": "best"}, "there is no tuner 'best'"),
        ({"tuner": "llm"}, "needs a language model"),
        ({"model": "m"}, "the tuner tpe asks none"),
        ({"trials": None}, "the search has no end"),
        ({"trials": 0}, "trials is 0"),
        ({"parallel": 0}, "parallel is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"trials": 2.5}, "trials is 2.5, expected a whole number"),
        ({"parallel": 2.0}, "parallel is 2.0, expected a whole number"),
        ({"seconds": -1}, "seconds is -1, expected a number above 0"),
        ({"seconds": math.nan}, "seconds is nan"),
        ({"reply_s": math.inf}, "reply_s is inf"),
        ({"space": {"f": ch.Choice((True,)), "n": ch.Int(1, 2)}, "start": [{"f": False}]}, "f: Input should"),
        ({"usd": 1.0}, "price is not known"),
        ({"tuner": "centaur", "trials": 13, "environ": CONFIGURED}, "centaur would never ask its model"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_first_call(changes: dict[str, Any], said: str) -> None:
    def never(arguments: dict[str, Any]) -> float:
        raise AssertionError("it was called")

    with pytest.raises(ConfigError, match=said):
        ch.minimize(never, **{"space": SPACE, "environ": {}} | changes)


def test_a_search_ends_by_patience_and_by_time() -> None:
    assert ch.minimize(lambda a: 1.0, SPACE, patience=3).ended == "no improvement in 3 trials"
    assert "s are spent" in ch.minimize(lambda a: 1.0, SPACE, seconds=1e-9, tuner="random").ended


def test_an_error_of_the_function_comes_through_and_the_run_can_go_on(tmp_path: Path) -> None:
    def faulty(arguments: dict[str, Any]) -> float:
        raise FileNotFoundError("data.csv")

    with pytest.raises(FileNotFoundError, match=r"data\.csv"):
        ch.minimize(faulty, SPACE, trials=2, run=tmp_path / "run")
    assert len(ch.minimize(bowl, SPACE, trials=2, run=tmp_path / "run").trials) == 2


def test_a_full_disk_of_the_function_is_not_the_runs(tmp_path: Path) -> None:
    def full(arguments: dict[str, Any]) -> float:
        raise OSError(errno.ENOSPC, "No space left on device", "/scratch/weights.bin")

    with pytest.raises(OSError, match=r"weights\.bin") as caught:
        ch.minimize(full, SPACE, trials=2, run=tmp_path / "run")
    assert caught.value.errno == errno.ENOSPC


def test_a_run_that_cannot_be_written_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def measure(arguments: dict[str, Any]) -> float:
        monkeypatch.setattr("os.fsync", full)
        return 1.0

    with pytest.raises(StorageError, match="the run cannot be written: No space left") as caught:
        ch.minimize(measure, SPACE, trials=2, run=tmp_path / "run")
    assert caught.value.run == tmp_path / "run"


def test_ctrl_c_in_a_recorded_search_names_the_run(tmp_path: Path) -> None:
    def stopped(arguments: dict[str, Any]) -> float:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        ch.minimize(stopped, SPACE, run=tmp_path / "run")
    assert caught.value.run == tmp_path / "run"
    assert ch.Run.open(tmp_path / "run").history.state == "interrupted"


def test_parallel_calls_do_not_change_what_is_proposed_from_one_time_to_the_next() -> None:
    barrier = threading.Barrier(3)

    def together(arguments: dict[str, Any]) -> float:
        barrier.wait(10)
        return float(arguments["x"])

    space = {"x": ch.Float(0.0, 1.0)}
    first, second = (ch.minimize(together, space, trials=9, parallel=3, seed=4) for _ in range(2))
    assert told(first.trials) == told(second.trials)


# minutes for the rest: they fit a model for each proposal
EACH = [
    pytest.param(name, marks=pytest.mark.slow) if "smac" in name or "gp" in name.split("+") else name
    for name in TUNERS
]

# -- recorded -----------------------------------------------------------------------------------


@pytest.fixture
def model():  # type: ignore[no-untyped-def]
    with ScriptedServer(LocalSearch(), strict=True) as server:
        yield server


def search(tuner: str, parallel: int, model: ScriptedServer, run: Path, objective: Any = bowl) -> ch.Minimum:
    reached = {
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": "sk-none",
        "CODEGEN_HPO_MODEL": "scripted",
    }
    tuning = ch.TunerOptions(llm_share=0.5)
    environ = reached if needs_model(tuner) else {}
    return ch.minimize(
        objective,
        SPACE,
        tuner=tuner,
        trials=14 if tuner == "centaur" else 8,
        parallel=parallel,
        seed=3,
        run=run,
        tuning=tuning,
        environ=environ,
    )


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("tuner", EACH)
def test_a_search_that_broke_off_goes_on_as_if_nothing_had_happened(
    tuner: str, parallel: int, model: ScriptedServer, tmp_path: Path
) -> None:
    whole = search(tuner, parallel, model, tmp_path / "whole")
    asked = len(model.requests)
    for at in (4, 3):
        with pytest.raises(Killed):
            search(tuner, parallel, model, tmp_path / "broken", Broken(at))
    calls: list[object] = []
    resumed = search(tuner, parallel, model, tmp_path / "broken", lambda a: calls.append(a) or bowl(a))
    assert told(resumed.trials) == told(whole.trials)
    assert len(calls) < len(whole.trials), "what was measured is not measured again"
    assert len(model.requests) == 2 * asked, "no reply is paid for twice"
    events = ch.Run.open(tmp_path / "broken").folder
    for kind in ("call", "trial", "reply"):
        keys = [event.key for event in events.of_kind(kind)]
        assert len(keys) == len(set(keys)), f"a {kind} is there twice"


def test_more_trials_carry_a_finished_search_on(tmp_path: Path) -> None:
    short = ch.minimize(bowl, SPACE, trials=5, run=tmp_path / "run")
    seen: list[str] = []
    longer = ch.minimize(bowl, SPACE, trials=9, run=tmp_path / "run", on_trial=lambda t: seen.append(t.name))
    assert told(longer.trials)[:5] == told(short.trials)
    assert seen == [f"t{number:03d}" for number in range(1, 10)]
    run = ch.Run.open(tmp_path / "run")
    assert run.history.ended == "9 trials are done"
    assert run.leaderboard()["loss"][0] == longer.value


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"seed": 1}, "seed"),
        ({"tuner": "random"}, "tuner"),
        ({"parallel": 2}, "parallel"),
        ({"metric": "cost"}, "metric"),
        ({"maximize": True}, "maximize"),
        ({"space": SPACE | {"n": ch.Int(1, 13)}}, "space"),
    ],
)
def test_a_folder_of_another_search_is_not_mixed_with_this_one(
    changes: dict[str, Any], name: str, tmp_path: Path
) -> None:
    ch.minimize(bowl, SPACE, trials=1, run=tmp_path / "run")
    with pytest.raises(ConfigError, match=f"another {name}"):
        ch.minimize(bowl, **{"space": SPACE, "trials": 2, "run": tmp_path / "run"} | changes)


def test_a_folder_that_is_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is no run"):
        ch.minimize(bowl, SPACE, run=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_run_of_a_function_says_what_it_cannot_do(tmp_path: Path) -> None:
    ch.minimize(bowl, SPACE, trials=2, run=tmp_path / "run")
    run = ch.Run.open(tmp_path / "run")
    with pytest.raises(ConfigError, match="a Python function") as caught:
        run.resume(trials=4)
    assert "minimize(..., run=" in caught.value.hint
    with pytest.raises(ConfigError, match="author, tuner is given"):
        run.resume(author=ScriptedAuthor([]), tuner=lambda candidate: pytest.fail("it was asked for"))
    for refused in (lambda: run.predict(tmp_path / "x.csv"), lambda: run.export(tmp_path / "o")):
        with pytest.raises(ConfigError, match="no table and no model"):
            refused()


def test_a_model_that_gives_up_is_asked_anew_after_a_resume(tmp_path: Path) -> None:
    useless = [replies.text("I do not know")] * 6
    with ScriptedServer([*useless, replies.call(x=1.0, name="evaluate")], strict=True) as server:
        reached = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "k", "CODEGEN_HPO_MODEL": "m"}
        given: dict[str, Any] = {"tuner": "llm", "trials": 1, "run": tmp_path / "run", "environ": reached}
        first = ch.minimize(lambda a: a["x"], {"x": ch.Float(0.0, 2.0)}, **given)
        assert "no usable call" in first.ended
        second = ch.minimize(lambda a: a["x"], {"x": ch.Float(0.0, 2.0)}, **given)
        assert second.value == 1.0
        assert len(server.requests) == 7


def test_the_leaderboard_says_why_another_tuner_took_a_turn_of_the_model() -> None:
    useless = [replies.text("I do not know")] * 6
    with ScriptedServer([*useless, replies.call(x=1.0, name="evaluate")], strict=True) as server:
        reached = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "k", "CODEGEN_HPO_MODEL": "m"}
        given: dict[str, Any] = {"trials": 3, "tuning": ch.TunerOptions(llm_trials=2), "environ": reached}
        found = ch.minimize(lambda a: a["x"], {"x": ch.Float(0.0, 2.0)}, tuner="llm+tpe", **given)
    said = dict(zip(found.leaderboard()["name"], found.leaderboard()["fallback"], strict=True))
    assert "no usable call in 6 replies" in said["t001"]
    assert (said["t002"], said["t003"]) == ("", "")


def test_without_a_folder_the_model_is_held_to_its_budget_too(model: ScriptedServer) -> None:
    reached = {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "k", "CODEGEN_HPO_MODEL": "m"}
    found = ch.minimize(bowl, SPACE, tuner="llm", trials=9, tokens=1, environ=reached)
    assert len(found.trials) == 1
    assert "tokens are spent" in found.ended


def test_an_endpoint_that_fails_ends_the_search_with_its_run(tmp_path: Path) -> None:
    with ScriptedServer([replies.fault(401, "no such key")]) as server:
        reached = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "k", "CODEGEN_HPO_MODEL": "m"}
        with pytest.raises(EndpointError) as caught:
            ch.minimize(bowl, SPACE, tuner="llm", run=tmp_path / "run", environ=reached)
    assert caught.value.run == tmp_path / "run"
