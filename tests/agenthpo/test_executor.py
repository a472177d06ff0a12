"""A model carries calls of a script out: the script, its workspace, the record and the run are real."""

import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.agenthpo.executor import ExecutedObjective
from codegen_hpo.agenthpo.experiment import measured_from_json, measured_to_json
from codegen_hpo.engine.correspondence import Correspondence
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import EndpointError
from codegen_hpo.llm.client import Client
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.messages import Ask, Reply, Request, ToolCall, Usage
from codegen_hpo.llm.prompts import render
from codegen_hpo.objective.base import Abandoned
from codegen_hpo.objective.script.objective import ScriptObjective
from codegen_hpo.objective.script.record import Script
from codegen_hpo.objective.script.runner import HostRunner
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.space import Float, Int, Space
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.testing import ScriptAgent, ScriptedServer
from codegen_hpo.testing.strategies import answered_by
from codegen_hpo.tuner.subject import objective_metric

SPACE = Space({"lr": Float(1e-4, 1.0, log=True, default=0.1), "net.width": Int(1, 64, default=8)})
LOSS = objective_metric("loss")
VALUES = {"lr": 0.25, "net.width": 32}
ABOUT = "Dataset:\nA line.\n\nModel:\nAnother line."
TRAINS = """
import json
config = json.load(open("config.json"))
open("../../../../ran.txt", "a").write("x")
with open("metrics.jsonl", "w") as file:
    for epoch in range(1, 21):
        loss = config["lr"] + 1 / epoch / config["net"]["width"]
        file.write(json.dumps({"epoch": epoch, "loss": loss}) + "\\n")
print("begun with", config)
print("Warning: this is ``` no fence")
print("trained")
"""


class Place:
    """A script's folder and a run beside it, in which one session follows another."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def session(
        self, ask: Ask, *, steps: int = 8, code: str = TRAINS, budget: Budget | None = None
    ) -> ExecutedObjective:
        (self.root / "exp/train.py").write_text(code)
        source = ValueSource(metric="loss", file="metrics.jsonl")
        script = Script(
            command=f"{sys.executable} -S train.py",
            config="config.json",
            source=source,
            folder="exp",
            timeout_s=60.0,
        )
        self.run = RunFolder.at(self.root / "runs/r")
        journal = Journal(self.run)
        letters = Correspondence(ask, journal, None, budget or Budget())
        objective = ScriptObjective(script, SPACE, self.run, HostRunner())
        return ExecutedObjective(objective, SPACE, ABOUT, LOSS, journal, letters, steps)

    @property
    def times_run(self) -> int:
        file = self.root / "runs/ran.txt"
        return len(file.read_text()) if file.exists() else 0


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exp").mkdir()
    (tmp_path / "exp/config.json").write_text('{"lr": 0.1, "net": {"width": 8}, "seed": 3}')
    return Place(tmp_path)


class Model:
    """Calls functions in turn, or says or raises what stands in their place; keeps the requests."""

    def __init__(self, *script: tuple[str, dict[str, Any]] | str | Exception) -> None:
        self.script = list(script)
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        text, call = (step, None) if isinstance(step, str) else ("", ToolCall(step[0], json.dumps(step[1])))
        return Reply(text=text, call=call, finish="stop", usage=Usage(7, 3), model="m", seconds=0.0)

    @property
    def told(self) -> str:
        return self.requests[-1].messages[-1].content


WRITE = ("write_config", {"values": VALUES})
RUN = ("run_script", dict[str, Any]())
FINISH = ("finish", {"analysis": "It fell."})


def logs(part: str) -> tuple[str, dict[str, Any]]:
    return "load_logs", {"part": part}


def test_a_model_that_reads_its_prompt_carries_a_call_out(place: Place) -> None:
    measured = place.session(answered_by(ScriptAgent())).measure(dict(VALUES), 1)
    assert measured.value == pytest.approx(0.25 + 1 / 20 / 32)
    assert measured.analysis == "loss came to 0.251563. loss went from 0.2812 to 0.2516."
    assert (measured.files, measured.outcome.status, measured.outcome.notes) == ("trials/t001", "ok", ())
    assert [series.name for series in measured.outcome.trajectory] == ["loss"]
    kept = json.loads((place.run.path / "trials/t001/work/config.json").read_text())
    assert kept == {"lr": 0.25, "net": {"width": 32}, "seed": 3}
    assert place.times_run == 1
    assert [event.key for event in place.run.of_kind("reply")] == [f"execute/1/{n}" for n in range(1, 6)]
    assert {event.data["purpose"] for event in place.run.of_kind("reply")} == {"execute"}


def test_the_executor_works_through_a_server_that_has_no_function_calling(place: Place) -> None:
    with ScriptedServer(ScriptAgent(), accent="ollama") as server:
        client = Client(Endpoint(base_url=server.base_url, model="m"))
        measured = place.session(client.ask).measure(dict(VALUES), 1)
        client.close()
    assert measured.analysis.startswith("loss came to 0.251563.")
    assert measured.outcome.notes == ()


def test_the_prompts_read_as_their_golden_file(
    place: Place, check_golden: Callable[[str, Request], None]
) -> None:
    model = Model(("load_config", {}), "I wonder.", WRITE, ("load_config", {}), FINISH)
    place.session(model, steps=5).measure(dict(VALUES), 1)
    check_golden("execute", model.requests[-1])


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"lr": 0.5, "net.width": 32}, "lr is to be 0.25 in this experiment"),
        ({"lr": 0.25, "net.width": 32, "seed": 4}, "seed: unknown argument"),
        ({"lr": 7.0}, "lr: Input should be less than or equal to 1"),
        ({"lr": "fast"}, "lr: Input should be a valid number"),
        ({"net.width": True}, "net.width: "),
    ],
)
def test_nothing_but_the_proposal_can_be_written(
    place: Place, values: dict[str, Any], complaint: str
) -> None:
    model = Model(("write_config", {"values": values}), RUN, FINISH)
    measured = place.session(model).measure(dict(VALUES), 1)
    assert complaint in model.requests[1].messages[-1].content
    assert "nothing was written" in model.requests[1].messages[-1].content
    assert measured.value == pytest.approx(0.25 + 1 / 20 / 32)
    assert measured.outcome.notes == (
        "the host wrote the configuration: the model had the script run without",
    )


@pytest.mark.parametrize("values", [{}, {"lr": 0.25}, {"net.width": 32.0}])
def test_what_the_model_leaves_out_is_filled_in(place: Place, values: dict[str, Any]) -> None:
    model = Model(("write_config", {"values": values}), ("load_config", {}), RUN, FINISH)
    measured = place.session(model).measure(dict(VALUES), 1)
    assert measured.value == pytest.approx(0.25 + 1 / 20 / 32)
    assert measured.outcome.notes == ()
    assert '"width": 32' in model.requests[2].messages[-1].content


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ((RUN, RUN, FINISH), "it is run once"),
        ((logs("end"), RUN, FINISH), "there are no logs: call run_script first"),
        ((FINISH, RUN, FINISH), "the script has not run yet: call run_script first"),
        ((RUN, WRITE, FINISH), "its configuration stays"),
        ((RUN, ("finish", {"analysis": " \n"}), FINISH), "the analysis is empty"),
        ((RUN, logs("middle"), FINISH), 'part must be one of ["start", "end", "errors", "trajectory"]'),
    ],
)
def test_what_is_out_of_turn_is_refused_and_the_script_runs_once(
    place: Place, script: Any, complaint: str
) -> None:
    model = Model(*script)
    measured = place.session(model).measure(dict(VALUES), 1)
    answers = [message.content for message in model.requests[-1].messages[2:]]
    assert complaint in "".join(answers).replace('\\"', '"')
    assert (place.times_run, measured.analysis) == (1, "It fell.")


def test_all_experiments_of_a_search_begin_with_the_same_task() -> None:
    told = [
        render("execute", about=ABOUT, metric=LOSS, number=number, arguments="{}", steps=8)
        for number in (1, 2)
    ]
    begins = {text.partition("# Experiment")[0] for text in told}
    assert len(begins) == 1
    assert "run_script runs the script" in begins.pop()


def test_each_part_of_the_logs_is_shown_as_data(place: Place) -> None:
    model = Model(WRITE, RUN, logs("start"), logs("end"), logs("errors"), logs("trajectory"), FINISH)
    place.session(model).measure(dict(VALUES), 1)
    ran, start, end, errors, trajectory = (m.content for m in model.requests[-1].messages[5::2])
    assert "Status: ok, after" in ran
    assert "loss, as it was read for the record: 0.251563" in ran
    assert "begun with" in start
    assert end.endswith("trained\n````"), "the fence is longer than what the script printed"
    assert "this is ``` no fence" in errors
    assert "loss by step: 1: 0.2812, 3: 0.2604" in trajectory


def test_a_script_that_fails_is_told_and_analysed(place: Place) -> None:
    model = Model(WRITE, RUN, logs("errors"), logs("trajectory"), ("finish", {"analysis": "A bug."}))
    measured = place.session(model, code="print('x')\nraise RuntimeError('no data')").measure(dict(VALUES), 1)
    assert (measured.value, measured.outcome.status, measured.analysis) == (None, "error", "A bug.")
    told = "".join(message.content for message in model.requests[-1].messages)
    assert "Status: error, after" in told
    assert "There is no loss: exit code 1" in told
    assert told.count("RuntimeError: no data") >= 2
    assert "(none was found)" in told


def test_the_value_is_what_the_host_read_whatever_the_model_says(place: Place) -> None:
    model = Model(WRITE, RUN, ("finish", {"analysis": "loss came to 0.0001\x1b[2J \u202e."}))
    measured = place.session(model).measure(dict(VALUES), 1)
    assert measured.value == pytest.approx(0.25 + 1 / 20 / 32)
    assert measured.analysis == "loss came to 0.0001 ."


def test_a_model_that_never_acts_leaves_the_run_to_the_host(place: Place) -> None:
    measured = place.session(Model("Hm.", "Well.", "No."), steps=3).measure(dict(VALUES), 1)
    assert measured.value == pytest.approx(0.25 + 1 / 20 / 32)
    assert (measured.analysis, place.times_run) == ("", 1)
    (note,) = measured.outcome.notes
    assert note.startswith("the host ran the script: not finished after 3 steps; the last complaint: ")


def test_a_run_without_an_analysis_is_whole(place: Place) -> None:
    measured = place.session(Model(WRITE, RUN), steps=2).measure(dict(VALUES), 1)
    assert measured.value == pytest.approx(0.25 + 1 / 20 / 32)
    assert measured.analysis == ""
    assert measured.outcome.notes == ("the run was not analysed: not finished after 2 steps",)


def test_a_budget_that_is_used_up_leaves_the_rest_to_the_host(place: Place) -> None:
    executed = place.session(Model(WRITE, RUN, FINISH), budget=Budget(tokens=10))
    measured = executed.measure(dict(VALUES), 1)
    assert measured.value == pytest.approx(0.25 + 1 / 20 / 32)
    (note,) = measured.outcome.notes
    assert note.startswith("the host ran the script: ")
    assert "tokens" in note


def test_a_result_outlives_an_endpoint_that_fails_and_is_not_run_for_again(place: Place) -> None:
    with pytest.raises(EndpointError):
        place.session(Model(WRITE, RUN, EndpointError("gone"))).measure(dict(VALUES), 1)
    assert place.times_run == 1
    model = Model(logs("trajectory"), FINISH)
    measured = place.session(model).measure(dict(VALUES), 1)
    assert measured.value == pytest.approx(0.25 + 1 / 20 / 32)
    assert (measured.analysis, measured.outcome.notes, place.times_run) == ("It fell.", (), 1)
    assert len(model.requests) == 2, "what was answered is not asked again"
    assert "as it was read for the record: 0.251563" in model.requests[0].messages[-1].content
    assert not (place.run.path / "trials/t001.1").exists()


def test_an_endpoint_that_fails_before_the_run_leaves_it_undone(place: Place) -> None:
    with pytest.raises(EndpointError):
        place.session(Model(WRITE, EndpointError("gone"))).measure(dict(VALUES), 1)
    assert place.times_run == 0
    assert place.session(Model(RUN, FINISH)).measure(dict(VALUES), 1).outcome.notes == ()


def test_a_run_that_was_killed_before_its_record_is_made_again_in_a_fresh_folder(place: Place) -> None:
    executed = place.session(Model(WRITE, RUN, FINISH))
    (place.run.path / "trials/t001/work").mkdir(parents=True)
    measured = executed.measure(dict(VALUES), 1)
    assert (measured.files, place.times_run) == ("trials/t001.1", 1)


def test_a_result_is_recorded_as_it_is(place: Place) -> None:
    code = TRAINS.replace('"loss": loss', '"loss": loss if epoch < 20 else float("nan")')
    place.session(Model(WRITE, RUN, FINISH), code=code).measure(dict(VALUES), 1)
    data = json.loads((place.run.path / "events.jsonl").read_text().splitlines()[-2])["data"]
    read = measured_from_json(data)
    assert (read.value, read.outcome.status, read.files) == (None, "nan", "trials/t001")
    assert measured_to_json(read) == data
    assert len(read.outcome.trajectory[0].values) == 20


def test_calls_that_are_carried_out_side_by_side_have_dialogues_of_their_own(place: Place) -> None:
    executed = place.session(answered_by(ScriptAgent()))
    with ThreadPoolExecutor(3) as pool:
        calls = [{"lr": 0.1 * n, "net.width": n} for n in (1, 2, 3)]
        done = list(pool.map(executed.measure, calls, (1, 2, 3)))
    assert [measured.value for measured in done] == [pytest.approx(0.1 * n + 1 / 20 / n) for n in (1, 2, 3)]
    assert all(measured.analysis and not measured.outcome.notes for measured in done)
    keys = {event.key for event in place.run.of_kind("reply")}
    assert keys == {f"execute/{number}/{step}" for number in (1, 2, 3) for step in range(1, 6)}


def test_a_call_that_is_abandoned_ends_and_asks_nothing_more(place: Place) -> None:
    begun = threading.Event()
    executed: ExecutedObjective

    def ask(request: Request) -> Reply:
        begun.set()
        executed.abandon()
        return Reply(text="Hm.", call=None, finish="stop", usage=Usage(1, 1), model="m", seconds=0.0)

    executed = place.session(ask)
    with pytest.raises(Abandoned):
        executed.measure(dict(VALUES), 1)
    assert begun.is_set()
    assert len(place.run.of_kind("reply")) == 1
    assert place.times_run == 0
