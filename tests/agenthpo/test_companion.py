"""The companion of a search: the log is kept, and the last word is had."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from codegen_hpo.agenthpo.companion import LOG, Agents
from codegen_hpo.engine.correspondence import Correspondence
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.limits import Ending
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import EndpointError, Interrupted
from codegen_hpo.llm.messages import Ask, Reply, Request, ToolCall, Usage
from codegen_hpo.objective.base import Measured
from codegen_hpo.objective.session import ObjectiveSession
from codegen_hpo.objective.settings import Aim, SearchSettings
from codegen_hpo.records import Call, Outcome, Trial
from codegen_hpo.space import Float, Scalar, Space
from codegen_hpo.store.folder import RunFolder

SPACE = Space({"lr": Float(0.0, 1.0, default=0.5)})
AGENTS = Agents(aim=Aim(space=SPACE), settings=SearchSettings(tuner="llm", steps=8))
TRIAL = Trial(
    number=1,
    call=Call(arguments=SPACE.defaults(), proposed_by="default"),
    outcome=Outcome(status="ok"),
    score=0.25,
    loss=0.25,
)
ENDING = Ending("1 trial is done", "trials")
WORDS = '{"influence": {"lr": "Unknown."}, "directions": ["More trials."], "summary": "One trial was made."}'


class Model:
    """Answers with the same to everything, and counts."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer, self.asked = answer, 0

    def __call__(self, request: Request) -> Reply:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        call = ToolCall(request.tools[0].name, self.answer)
        return Reply(text="", call=call, finish="stop", usage=Usage(9, 1), model="m", seconds=0.0)


@pytest.fixture
def conclude(tmp_path: Path) -> Callable[[Ask], str]:
    """Has the last word of a session of its own, and gives the log."""

    def conclude(ask: Ask) -> str:
        run = RunFolder.at(tmp_path / "run")
        with run.writing():
            journal = Journal(run)
            letters = Correspondence(ask, journal, None, Budget())
            AGENTS.conclude([TRIAL], ENDING, journal, letters)
        return (run.path / LOG).read_text()

    return conclude


def test_after_an_end_without_words_a_resume_asks_for_them_anew(conclude: Callable[[Ask], str]) -> None:
    useless, able = Model("{}"), Model(WORDS)
    assert "no usable analysis" in conclude(useless)
    asked = useless.asked
    conclude(useless)
    assert useless.asked == 2 * asked
    assert "One trial was made." in conclude(able)
    assert "One trial was made." in conclude(able)
    assert able.asked == 1


def test_an_endpoint_that_fails_at_the_last_word_costs_the_words_alone(
    conclude: Callable[[Ask], str], tmp_path: Path
) -> None:
    with pytest.raises(EndpointError):
        conclude(Model(EndpointError("the key is revoked")))
    log = (tmp_path / "run" / LOG).read_text()
    assert "## Final analysis" in log
    assert "There are no words of a model: the model could not be had: the key is revoked." in log
    assert "The best values are those of trial 1" in log
    (event,) = RunFolder.open(tmp_path / "run").of_kind("analysis")
    assert event.data["best"] == "t001"
    assert "One trial was made." in conclude(Model(WORDS))


def test_the_log_is_not_written_for_trials_that_are_only_read_again(
    tmp_path: Path,
) -> None:
    run = RunFolder.at(tmp_path / "run")
    with run.writing():
        journal = Journal(run)
        AGENTS.record([TRIAL], journal, None)
        assert not (run.path / LOG).exists()
        journal.note("trial", "t001", {"files": ""})
        AGENTS.record([TRIAL], journal, None)
    assert "### Trial 1: 0.25" in (run.path / LOG).read_text()


def test_the_cost_in_the_log_is_kept_count_of_and_not_read_from_the_exchanges(tmp_path: Path) -> None:
    run = RunFolder.at(tmp_path / "run")
    with run.writing():
        journal = Journal(run)
        letters = Correspondence(Model(WORDS), journal, None, Budget())
        AGENTS.conclude([TRIAL], ENDING, journal, letters)
        for file in (run.path / "llm").iterdir():
            file.unlink()
        AGENTS.record([TRIAL], journal, letters)
    assert "| analyse | 1 | 9 | 1 | unknown |" in (run.path / LOG).read_text()


def test_numbers_that_the_script_printed_are_not_marked_in_its_trials_analysis(tmp_path: Path) -> None:
    run = RunFolder.at(tmp_path / "run")
    trial = replace(TRIAL, analysis="train_loss 0.3117 after 777 batches")
    (run.path / "trials/t001").mkdir(parents=True)
    run.write("trials/t001/stdout.txt", "train_loss=0.3117")
    with run.writing():
        journal = Journal(run)
        journal.note("trial", "t001", {"files": "trials/t001"})
        AGENTS.record([trial], journal, None)
    log = (run.path / LOG).read_text()
    assert "loss 0.3117 after 777 \\[not in the log\\] batches" in log


def test_a_search_that_is_interrupted_says_so_in_the_log(tmp_path: Path) -> None:
    class Interrupting:
        """Has a value once, and is interrupted then."""

        def measure(self, arguments: dict[str, Scalar], number: int) -> Measured:
            if number > 1:
                raise KeyboardInterrupt
            return Measured(0.25, Outcome(status="ok"), files="trials/t001")

        def abandon(self) -> None:
            pass

    settings = SearchSettings(tuner="random", budget=Budget(trials=5))
    aim = Aim(space=SPACE, start=(SPACE.defaults(),))
    run = RunFolder.at(tmp_path / "run")
    with pytest.raises(Interrupted):
        ObjectiveSession(
            aim=aim,
            settings=settings,
            objective=Interrupting(),
            folder=run,
            companion=Agents(aim=aim, settings=settings),
        ).run()
    log = (run.path / LOG).read_text()
    assert "1 of 5 trials are done. The search ended early: it was interrupted." in log
    assert "What it printed and left is in `trials/t001`." in log
