"""The page: one file without a request, in which no foreign text is markup."""

import itertools
import json
import re
import shlex
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.assistant.record import Record
from codegen_hpo.errors import ConfigError, SandboxError
from codegen_hpo.predict import model_of, read_encoding
from codegen_hpo.records import Outcome
from codegen_hpo.report.held_out import HeldOutRows
from codegen_hpo.report.hyperparameters import searched
from codegen_hpo.report.page import write_page
from codegen_hpo.report.permutation import permutation
from codegen_hpo.report.reproduce import commands, fixed
from codegen_hpo.report.summary import sentences
from codegen_hpo.run import Run
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.shown import number
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedSandbox

LARGEST = 3_000_000  # bytes of a report


class Markup(HTMLParser):
    """What a reader of the page would act on."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def _checked(page: str) -> Markup:
    found = Markup(page)
    assert not {"script", "img", "iframe", "object", "embed", "link", "form", "base"} & found.tags
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    links = [value for name, value in found.attributes if name in ("href", "xlink:href", "src", "action")]
    assert all(value.startswith("#") for value in links)
    assert not re.search(r"@import|url\((?!#)", page)
    assert len(page.encode()) < LARGEST
    return found


def _sections(page: str) -> list[str]:
    return re.findall(r'<section id="(\w+)">', page)


@pytest.mark.slow
def test_an_objective_has_a_report_without_what_a_table_has(objective: Run, tmp_path: Path) -> None:
    written = objective.report(tmp_path / "o.html")
    page = written.read_text("utf-8")
    _checked(page)
    assert _sections(page) == ["leaderboard", "search", "hyperparameters", "reproduce"]
    assert "window.planted=4&lt;/script&gt;" in page  # what a failed call said
    again = objective.report(tmp_path / "again.html")
    assert again.read_bytes() == written.read_bytes(), "the same run is the same page, to the byte"


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot write"):
        write_page("<!doctype html>", tmp_path / "no-such-folder" / "o.html")


def test_a_run_without_data_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="stopped before its data was prepared"):
        Run(RunFolder.at(tmp_path / "run")).report(tmp_path / "o.html")


def test_a_missing_matplotlib_is_told_with_its_extra(
    objective: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ConfigError, match="matplotlib") as caught:
        objective.report(tmp_path / "o.html")
    assert "codegen-hpo[plot]" in caught.value.hint


@pytest.mark.slow
def test_the_run_of_a_table_has_every_section(regression: Run, pages: dict[str, Path]) -> None:
    page = pages["regression"].read_text("utf-8")
    _checked(page)
    assert _sections(page) == [
        "leaderboard", "search", "hyperparameters", "model", "columns", "code", "reproduce"
    ]  # fmt: skip
    assert "Not computed" not in page
    assert "begun with ended" in page  # the permutation importance
    assert page.count("<svg ") > 15
    assert 'attempt 1: <span class="bad">1 finding' in page
    assert 'class="line add"' in page  # the diff of the second attempt
    assert "/tmp/" not in page
    assert str(regression.path.parent) not in page


@pytest.mark.slow
def test_classes_have_confusion_roc_and_calibration(pages: dict[str, Path]) -> None:
    page = pages["classes"].read_text("utf-8")
    _checked(page)
    for name in ("Confusion matrix", "ROC curves", "Calibration"):
        assert f'aria-label="{name}"' in page
    assert "Not computed: it was not asked for." in page


def test_a_model_that_cannot_predict_is_told_in_its_place(regression: Run) -> None:
    record = Record.open(regression.path)
    members, encoding = model_of(record.history), read_encoding(record.folder)
    rows = HeldOutRows.of(record, members)
    broken = ScriptedSandbox(lambda job: Outcome(status="killed", error="no memory"))
    with pytest.raises(SandboxError, match="the model cannot predict: killed in the worker: no memory"):
        permutation(record, members, encoding, rows, broken)


def test_a_column_that_the_model_looks_at_is_missed(regression: Run, lines: Sandbox) -> None:
    record = Record.open(regression.path)
    members, encoding = model_of(record.history), read_encoding(record.folder)
    rows = HeldOutRows.of(record, members)
    assert rows.part == "test"
    found = permutation(record, members, encoding, rows, lines)
    assert found is not None
    lost = {lost.names: lost.loss for lost in found.columns}
    final = record.history.final
    assert final is not None
    assert found.score == pytest.approx(final.test_score)
    first, second, *_ = (column["name"] for column in regression.task["columns"])
    assert lost[first,] > 0.1
    assert lost[second,] == lost["begun", "ended"] == 0.0  # the double does not look at them


def _before_the_end(run: Run, folder: Path) -> Record:
    """A copy of the run, stopped before its final model was chosen."""
    path = Path(shutil.copytree(run.path, folder / "run"))
    _change(path, lambda event: event["kind"] not in ("selected", "opened", "final", "finished"))
    return Record.open(path)


def _change(path: Path, keeps: Callable[[dict[str, Any]], bool]) -> None:
    """Keeps some of the run's events, which `keeps` may change."""
    events = [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]
    (path / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events if keeps(one)))


def test_before_the_test_rows_are_opened_validation_rows_are_shown(regression: Run, tmp_path: Path) -> None:
    record = _before_the_end(regression, tmp_path)
    rows = HeldOutRows.of(record, model_of(record.history))
    assert rows.part == "validation"
    assert len(rows.labels) == len(rows.predictions) == len(rows.x_num) == len(rows.x_cat)
    assert sentences(record)[0].startswith("No final model yet: the run was stopped.")


def test_a_run_without_a_function_says_why(failed: Run, tmp_path: Path) -> None:
    page = failed.report(tmp_path / "o.html").read_text("utf-8")
    _checked(page)
    assert _sections(page) == ["leaderboard", "search", "code", "reproduce"]
    assert "No trial has a score: the run failed." in page
    assert "It failed: no candidate met the contract in 1 attempt; " in page


def test_the_verdict_names_the_gap_between_validation_and_test(regression: Run) -> None:
    record = Record.open(regression.path)
    final = record.history.final
    assert final is not None
    assert final.test_score is not None
    gap = final.test_score - final.validation_score
    first, *others = sentences(record)
    assert f"on the sealed test rows (a gap of {gap:+.3g}): " in first
    assert others[-1] == f"The search ended: {record.history.ended}."


def test_no_row_is_predicted_by_a_model_that_learnt_it(folded: Run, lines: Sandbox, tmp_path: Path) -> None:
    whole, stopped = Record.open(folded.path), _before_the_end(folded, tmp_path)
    encoding = read_encoding(whole.folder)
    members = model_of(whole.history)
    assert permutation(whole, members, encoding, HeldOutRows.of(whole, members), lines)
    rows = HeldOutRows.of(stopped, members)
    with pytest.raises(ConfigError, match="each row was learnt by some of its models"):
        permutation(stopped, members, encoding, rows, lines)


def test_a_link_out_of_the_run_is_not_followed(regression: Run, tmp_path: Path) -> None:
    path = Path(shutil.copytree(regression.path, tmp_path / "run"))
    (tmp_path / "secret").write_text("my own")
    (path / "candidates/c01/attempts/1/model.py").unlink()
    (path / "candidates/c01/attempts/1/model.py").symlink_to(tmp_path / "secret")
    with pytest.raises(ConfigError, match="outside of the run"):
        Run.open(path).report(tmp_path / "o.html", permutation=False)


def test_a_run_of_an_older_version_tells_what_it_recorded(regression: Run, tmp_path: Path) -> None:
    path = Path(shutil.copytree(regression.path, tmp_path / "run"))

    def older(event: dict[str, Any]) -> bool:
        if event["kind"] == "sandbox":
            del event["data"]["sandbox"]
        return True

    _change(path, older)
    assert dict(fixed(Record.open(path)))["where trials ran"].startswith("torch ")


def test_the_command_that_makes_a_run_again_says_all_that_the_first_said(
    regression: Run, tmp_path: Path
) -> None:
    assert not any("codegen-hpo fit" in command for command, _ in commands(Record.open(regression.path)))
    path = Path(shutil.copytree(regression.path, tmp_path / "run"))
    task = json.loads((path / "task.json").read_text()) | {"name": "values.csv"}
    (path / "task.json").write_text(json.dumps(task))
    own = {
        "author": "llm:qwen",
        "model": "qwen",
        "endpoint": "http://localhost:11434/v1",
        "sandbox": "docker",
    }
    own |= {"tuner": "llm", "parallel": 1, "folds_at_once": 2, "memory_bytes": 2 << 30, "trial_s": 1234567.5}

    def of_a_command(event: dict[str, Any]) -> bool:
        if event["kind"] == "settings":
            event["data"] |= own
        return True

    _change(path, of_a_command)
    record = Record.open(path)
    assert record.task is not None
    words = shlex.split(commands(record)[0][0])
    dropped = next(column.name for column in record.task.profile.columns if column.kind == "dropped")
    told = dict(itertools.pairwise(words))
    assert words[:3] == ["codegen-hpo", "fit", "values.csv"]
    assert told["--target"] == record.task.target
    assert told["--drop"] == dropped
    assert told["--about"] == record.task.about
    assert told["--base-url"] == "http://localhost:11434/v1"
    assert told["--sandbox"] == "docker"
    assert told["--parallel"] == "2"
    assert told["--memory"] == "2"
    assert told["--trial-time"] == "1234567.5"


def test_runs_and_tasks_show_themselves_in_a_notebook(regression: Run, objective: Run) -> None:
    for run in (regression, objective):
        shown = run._repr_html_()
        assert {"table", "strong"} <= _checked(shown).tags
    task = Task.from_json(regression.task)._repr_html_()
    assert {"table", "strong"} <= _checked(task).tags
    assert "&lt;script&gt;window.planted=1&lt;/script&gt;" in task


@pytest.mark.slow
def test_a_disqualified_trial_is_no_best_one_anywhere(regression: Run, tmp_path: Path) -> None:
    record = _before_the_end(regression, tmp_path)
    best = record.history.best()
    assert best is not None
    events = record.folder.path / "events.jsonl"
    last = json.loads(events.read_text().splitlines()[-1])
    reason = {"reason": "its predictions of a row depend on other rows"}
    barred = last | {"n": last["n"] + 1, "kind": "disqualified", "key": best.name, "data": reason}
    with events.open("a") as file:
        file.write(json.dumps(barred) + "\n")
    record = Record.open(record.folder.path)
    assert best.name in record.history.disqualified
    page = Run.open(record.folder.path).report(tmp_path / "r.html", permutation=False).read_text("utf-8")
    assert 'aria-label="Training curve of ' in page
    assert f'aria-label="Training curve of {best.name}"' not in page
    assert f"{number(best.score)} in {best.name}" not in page  # what its candidate came to
    called = {reason.trial for part in searched(record) for reason in part.reasoning}
    assert called
    assert best.name not in called
