from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.bench import codegen
from codegen_hpo.bench.codegen import RANDOM, Conditions, Course, Step, present, read_course, run_codegen
from codegen_hpo.bench.codegen_page import Courses, codegen_page, read_courses, write_codegen_page
from codegen_hpo.contract import read_candidate_apart
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedServer
from codegen_hpo.testing.brain import drawing_brain


def step(validation: float | None, test: float | None) -> Step:
    return Step(
        arguments={"width": 64},
        proposed_by="tpe",
        status="ok" if validation is not None else "error",
        validation=validation,
        test=test,
        seconds=1.5,
    )


def course(arm: str, *steps: Step, seed: int = 0) -> Course:
    return Course(arm=arm, seed=seed, model="", steps=steps, versions={"python": "3.11"})


def courses(*found: Course, budget: int) -> Courses:
    facts = {"table": "ab12", "metric": "rmse", "budget": budget}
    return Courses(facts=facts, commands=("codegen-hpo bench codegen taxis.csv",), courses=found)


TPE = "shipped function, tpe"


def row(text: str, name: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_choice_is_made_by_validation_and_the_lowest_by_looking_at_the_test_rows() -> None:
    text = codegen_page(courses(course(TPE, step(3.0, 2.0), step(2.0, 9.0), step(4.0, 1.0)), budget=3))

    assert row(text, TPE)[1:3] == ["1 [1, 1]", "9 [9, 9]"]
    assert [row(text, str(n))[1] for n in (1, 2, 3)] == ["2 [2, 2]", "9 [9, 9]", "9 [9, 9]"]


def test_a_failed_trial_is_spent_and_a_row_without_any_loss_is_a_dash() -> None:
    text = codegen_page(courses(course(TPE, step(None, None), step(2.0, 5.0)), budget=2))

    assert row(text, "1")[1] == "–"
    assert row(text, "2")[1] == "5 [5, 5]"


def test_a_search_that_ended_early_keeps_its_choice() -> None:
    text = codegen_page(courses(course(TPE, step(2.0, 5.0)), budget=3))

    assert row(text, "3")[1] == "5 [5, 5]"


def test_random_search_is_resampled_from_its_pool() -> None:
    pool = course(RANDOM, step(0.0, 10.0), step(1.0, 20.0))

    first, second = (row(codegen_page(courses(pool, budget=2)), str(n))[1] for n in (1, 2))

    # the first draw is either one; of two draws the better one is among them in three cases of four
    assert float(first.split()[0]) == pytest.approx(15, abs=0.6)
    assert float(second.split()[0]) == pytest.approx(12.5, abs=0.6)
    assert second.endswith("[10, 20]")


def test_arms_without_a_model_are_said_to_be_left_out() -> None:
    text = codegen_page(courses(course(TPE, step(2.0, 5.0)), budget=1))

    left_out = "no language model was configured: generated function, configurations by a model"
    assert left_out in text


def test_only_an_endpoint_brings_the_arms_of_a_model() -> None:
    assert [arm.name for arm in present(None)] == [TPE, RANDOM]
    assert len(present(Endpoint(base_url="http://localhost:1/v1", model="m"))) == 4


def test_a_page_is_made_again_from_the_json_beside_it(tmp_path: Path) -> None:
    found = courses(course(TPE, step(2.0, 5.0)), course(RANDOM, step(None, None), step(1.0, 2.0)), budget=1)
    page, data = write_codegen_page(found, tmp_path / "a" / "codegen.md", plot=False)
    again, _ = write_codegen_page(read_courses(data), tmp_path / "b" / "codegen.md", plot=False)

    assert again.read_text() == page.read_text()
    assert read_courses(data) == found


def test_the_course_of_each_arm_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = courses(course(TPE, step(None, None), step(2.0, 5.0)), budget=2)

    *_, drawn = write_codegen_page(found, tmp_path / "codegen.md", plot=True)

    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_the_fixed_network_meets_the_contract_with_the_five_arguments_of_the_paper() -> None:
    source = Path(codegen.__file__).with_name("network.py").read_text()
    read = read_candidate_apart(source, name="c01", author="bench")

    assert read.candidate is not None, read.findings
    assert list(read.candidate.space) == ["depth", "width", "batch_size", "learning_rate", "weight_decay"]


@pytest.mark.slow
def test_every_trial_is_scored_on_the_test_rows_and_a_second_call_runs_nothing(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"miles": generator.uniform(0.5, 9, 300), "zone": generator.choice(["a", "b"], 300)})
    frame["fare"] = 3 + 2.5 * frame["miles"] + generator.normal(0, 0.5, 300)
    task = Task.from_table(frame, "fare")
    conditions = Conditions(budget=2, pool=2, trial_s=3.0)

    found = list(run_codegen(task, tmp_path, conditions, seeds=1))
    events = sorted(tmp_path.glob("runs/*/*/events.jsonl"))
    before = [path.read_bytes() for path in events]
    again = list(run_codegen(task, tmp_path, conditions, seeds=1))

    assert [one.arm for one in found] == [TPE, RANDOM]
    assert all(s.test is not None and 0 < s.test < 30 for one in found for s in one.steps)
    assert [len(one.steps) for one in found] == [2, 2]
    assert "default" not in {s.proposed_by for s in found[1].steps}
    assert again == found
    assert [path.read_bytes() for path in events] == before
    assert read_course(tmp_path / "courses" / "random-configurations-seed0.json") == found[1]


@pytest.mark.slow
def test_the_arms_of_a_model_write_and_tune_and_are_scored_like_the_others(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"miles": generator.uniform(0.5, 9, 300)})
    frame["fare"] = 3 + 2.5 * frame["miles"] + generator.normal(0, 0.5, 300)
    task = Task.from_table(frame, "fare")
    source = Path(codegen.__file__).with_name("network.py").read_text()
    with ScriptedServer(drawing_brain(source)) as server:
        endpoint = Endpoint(base_url=server.base_url, model="scripted")
        conditions = Conditions(budget=3, pool=1, trial_s=3.0, endpoint=endpoint, sandbox="none", unsafe=True)
        found = {one.arm: one for one in run_codegen(task, tmp_path, conditions, seeds=1)}
        written = [r for r in server.requests if not r.body.get("tools")]
        called = [r.body["tools"][0]["function"] for r in server.requests if r.body.get("tools")]

    generated, configured = found["generated function"], found["configurations by a model"]
    assert [s.proposed_by for s in generated.steps] == ["default", "llm", "llm"]
    assert [s.proposed_by for s in configured.steps] == ["default", "llm", "llm"]
    assert all(s.test is not None for one in (generated, configured) for s in one.steps)
    assert len(written) == 1
    assert len(called) == 4
    assert {"depth", "width", "weight_decay"} < set(called[-1]["parameters"]["properties"])
    assert found[TPE].model == found[RANDOM].model == ""
