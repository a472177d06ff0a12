"""What a run costs in tokens, counted with a scripted model."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from codegen_hpo.bench.tokens import Rehearsal, made_up_task, rehearse, shared_beginning
from codegen_hpo.bench.tokens_page import token_page, token_table, write_token_page
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


def test_the_same_is_counted_each_time(table: Task, compressed: Rehearsal) -> None:
    assert rehearse(table, trials=10, history="compressed") == compressed


def test_more_than_forty_columns_cost_little_more() -> None:
    few, many = (rehearse(made_up_task(count), trials=1, history="compressed") for count in (40, 60))
    assert many.total() < 1.05 * few.total()


@pytest.mark.parametrize(("one", "other", "length"), [("", "a", 0), ("ab", "ab", 2), ("abc", "abd", 2)])
def test_the_shared_beginning_is_counted(one: str, other: str, length: int) -> None:
    assert shared_beginning(one, other) == shared_beginning(other, one) == length


def test_the_page_is_made_from_the_file_alone(compressed: Rehearsal, tmp_path: Path) -> None:
    data, page = write_token_page([compressed], "codegen-hpo bench tokens", tmp_path / "tokens.json")
    assert page.read_text(encoding="utf-8") == token_page(data)
    assert token_table([compressed]) in token_page(data)
    assert f"| made up | 20 | 10 | compressed | {compressed.total():,} |" in token_page(data)


def test_the_command_prints_a_row_for_each_form() -> None:
    done = CliRunner().invoke(command, ["tokens", "--trials", "1", "--columns", "20"])
    assert done.exit_code == 0, done.output
    assert [line.split(" | ")[2:4] for line in done.output.splitlines()[2:]] == [
        ["1", "compressed"],
        ["1", "chat"],
        ["10", "compressed"],
        ["10", "chat"],
    ]


@pytest.mark.parametrize("wrong", [["--trials", "0"], ["--columns", "a"], ["--target", "fare"]])
def test_wrong_options_are_refused(wrong: list[str]) -> None:
    assert CliRunner().invoke(command, ["tokens", *wrong]).exit_code == 2
