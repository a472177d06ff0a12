"""What a run costs in tokens, counted with a scripted model."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from codegen_hpo.bench.data_page import write_page
from codegen_hpo.bench.tokens import Rehearsal, made_up_task, rehearse, shared_beginning
from codegen_hpo.bench.tokens_page import to_json, token_page, token_table
from codegen_hpo.cli import bench_tokens
from codegen_hpo.cli.bench import command
from codegen_hpo.task import Task

MOST = 15_000  # tokens that ten trials of one candidate may take, with compressed prompts


@pytest.fixture(scope="module")
def table() -> Task:
    return made_up_task(20)


@pytest.fixture(scope="module")
def compressed(table: Task) -> Rehearsal:
    return rehearse(table, trials=10, history="compressed")


@pytest.fixture(scope="module")
def chat(table: Task) -> Rehearsal:
    return rehearse(table, trials=10, history="chat")


def test_ten_trials_stay_below_the_goal(compressed: Rehearsal) -> None:
    assert compressed.total() <= MOST
    assert [each.phase for each in compressed.exchanges] == ["author", *["tune"] * 9]
    assert compressed.total() == compressed.total("author") + compressed.total("tune")


def test_ten_trials_on_the_taxi_table_stay_below_the_goal(real_table: Callable[[str], Path]) -> None:
    task = Task.from_table(real_table("taxis.csv"), "fare", drop=("total", "tip", "tolls"))
    assert rehearse(task, trials=10, history="compressed").total() <= MOST


def test_a_compressed_history_costs_less_than_a_chat(compressed: Rehearsal, chat: Rehearsal) -> None:
    assert compressed.total() < chat.total()
    assert compressed.exchanges[-1].prompt < chat.exchanges[-1].prompt


def test_most_of_what_is_sent_was_sent_before(compressed: Rehearsal, chat: Rehearsal) -> None:
    for one in (compressed, chat):
        assert one.exchanges[0].cached == 0
        assert all(each.cached > 0.6 * each.prompt for each in one.exchanges[2:])
        assert all(each.cached <= each.prompt for each in one.exchanges)


def test_the_same_is_counted_each_time(table: Task) -> None:
    once, again = (rehearse(table, trials=3, history="compressed") for _ in range(2))
    assert once == again


def test_more_than_forty_columns_cost_little_more() -> None:
    few, many = (rehearse(made_up_task(count), trials=1, history="compressed") for count in (40, 60))
    assert many.total() < 1.05 * few.total()


@pytest.mark.parametrize(("one", "other", "length"), [("", "a", 0), ("ab", "ab", 2), ("abc", "abd", 2)])
def test_the_shared_beginning_is_counted(one: str, other: str, length: int) -> None:
    assert shared_beginning(one, other) == shared_beginning(other, one) == length


def test_the_page_is_made_from_the_file_alone(compressed: Rehearsal, tmp_path: Path) -> None:
    data = to_json([compressed], "codegen-hpo bench tokens")
    page, kept = write_page(data, token_page(data), tmp_path / "tokens.md")
    told = CliRunner().invoke(command, ["report", str(kept)]).output
    assert told == page.read_text(encoding="utf-8") + "\n"
    assert token_table([compressed]) in told
    assert f"| made up | 20 | 10 | compressed | {compressed.total():,} |" in told


def test_the_command_prints_a_row_for_each_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_tokens, "_TRIALS", 1)
    done = CliRunner().invoke(command, ["tokens", "--trials", "2", "--columns", "5"])
    assert done.exit_code == 0, done.output
    assert [line.split(" | ")[1:4] for line in done.output.splitlines()[2:]] == [
        ["20", "2", "compressed"],
        ["20", "2", "chat"],
        ["5", "1", "compressed"],
        ["5", "1", "chat"],
    ]


@pytest.mark.parametrize("wrong", [["--trials", "0"], ["--columns", "a"], ["--target", "fare"]])
def test_wrong_options_are_refused(wrong: list[str]) -> None:
    assert CliRunner().invoke(command, ["tokens", *wrong]).exit_code == 2
