"""The task in the user's own words."""

from pathlib import Path

import pytest

from codegen_hpo.agenthpo.description import Description, Lack, completed, missing, read_description
from codegen_hpo.agenthpo.goal import Goal
from codegen_hpo.errors import ConfigError

FACTS = "## Dataset\nd\n## Model\nm\n"
TASK = """# Digits

A course project.

## 1. The Dataset
1,797 grey images.

### Splits
1,437 for training.

```python
# Goal
print("not a heading")
```

## MODEL INFORMATION ##
A small residual network.

## Optimization goal
Maximise val_accuracy. Keep it small.

## Hyper-parameters
Dropout hardly matters.

## Thanks
To nobody.
"""


def test_sections_are_found_by_their_headings_and_the_rest_is_kept_as_notes() -> None:
    description = read_description(TASK)
    assert description.dataset.startswith("1,797 grey images.")
    assert "### Splits\n1,437 for training." in description.dataset
    assert "# Goal\nprint" in description.dataset
    assert description.model == "A small residual network."
    assert description.goal == "Maximise val_accuracy. Keep it small."
    assert description.hyperparameters == "Dropout hardly matters."
    assert "A course project." in description.notes
    assert "## Thanks\nTo nobody." in description.notes


def test_a_file_gives_the_same_as_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "task.md"
    path.write_bytes(b"\xef\xbb\xbf" + TASK.replace("\n", "\r\n").encode())
    assert read_description(path) == read_description(TASK)
    monkeypatch.chdir(tmp_path)
    assert read_description("task.md") == read_description(TASK)


def test_labels_serve_in_place_of_headings() -> None:
    expected = Description(dataset="1,797 digits.", model="A small CNN.", goal="maximise val_accuracy")
    assert (
        read_description("Dataset: 1,797 digits. Model: A small CNN. Goal: maximise val_accuracy") == expected
    )
    assert (
        read_description("**Data set:** 1,797 digits.\nmodel: A small CNN.\nGOAL: maximise val_accuracy")
        == expected
    )


def test_a_part_in_two_pieces_is_one_part() -> None:
    assert read_description("## Data\none\n## Model\nm\n## Data\ntwo").dataset == "one\ntwo"


def test_a_word_that_is_no_label_stays_where_it_is() -> None:
    text = "## Model\nThe model: is large.\nLearning rate: 0.1"
    assert read_description(text).model == "The model: is large.\nLearning rate: 0.1"


@pytest.mark.parametrize("name", ["absent.md", "notes/absent.txt"])
def test_a_file_that_is_not_there_is_no_text(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"cannot read the task's description {name}"):
        read_description(name)


def test_a_data_file_given_by_mistake_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"\0" * 10)
    with pytest.raises(ConfigError, match="is no task description"):
        read_description(tmp_path / "weights.bin")


def test_all_that_is_missing_is_named_at_once_with_an_example_each() -> None:
    with pytest.raises(ConfigError, match="lacks: dataset, model and goal") as refused:
        completed(read_description("My project."))
    for part in ("## Dataset", "## Model", "## Goal", "maximise val_accuracy", "1,797 grey images"):
        assert part in refused.value.hint


def test_what_is_missing_is_asked_for_where_somebody_answers() -> None:
    asked: list[Lack] = []

    def answer(lack: Lack) -> str:
        asked.append(lack)
        return {"model": "A small CNN.\x1b[8m", "goal": "minimise val_loss"}[lack.part]

    told = completed(read_description("## Dataset\nDigits."), ask=answer)
    assert [lack.part for lack in asked] == ["model", "goal"]
    assert told.goal == Goal("val_loss", False)
    assert told.description == Description(dataset="Digits.", model="A small CNN.", goal="minimise val_loss")


def test_an_empty_answer_is_still_a_lack() -> None:
    with pytest.raises(ConfigError, match="lacks: model"):
        completed(read_description("## Data\nd\n## Goal\nmax f1"), ask=lambda lack: "  ")


def test_nothing_is_asked_where_nothing_is_missing() -> None:
    def nobody(lack: Lack) -> str:
        raise AssertionError(lack)

    told = completed(read_description(TASK), ask=nobody)
    assert told == (read_description(TASK), Goal("val_accuracy", True), "")


def test_a_goal_that_cannot_be_read_is_told_before_anything_is_asked() -> None:
    def nobody(lack: Lack) -> str:
        raise AssertionError(lack)

    with pytest.raises(ConfigError, match="'make it good' does not say"):
        completed(read_description("A course project."), "make it good", nobody)


def test_the_goal_may_stand_in_a_text_without_parts_or_beside_it() -> None:
    told = "Dataset: d. Model: m."
    assert completed(read_description(told), "min loss").goal == Goal("loss", False)
    assert completed(read_description(told), "min loss").description.goal == "minimise loss"
    assert [lack.part for lack in missing(read_description("Maximise f1 on my table."))] == [
        "dataset",
        "model",
    ]


def test_two_goals_that_contradict_each_other_are_refused() -> None:
    description = read_description(TASK)
    assert completed(description, "maximize val_accuracy").goal == Goal("val_accuracy", True)
    with pytest.raises(ConfigError, match=r"says 'Maximise val_accuracy'.*'minimise val_accuracy'"):
        completed(description, "minimise val_accuracy")


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("We want the highest accuracy on the validation set.", "highest accuracy"),
        ("Not the lowest loss but the highest val_accuracy counts.", "lowest loss"),
        ("Maximise val_f1.", "Maximise val_f1"),
    ],
)
def test_a_goal_that_is_given_goes_before_one_of_another_metric_and_says_so(wish: str, said: str) -> None:
    told = completed(read_description(f"{FACTS}## Goal\n{wish}"), "maximise val_accuracy")
    assert told.goal == Goal("val_accuracy", True)
    assert repr(said) in told.note
    assert "what counts is 'maximise val_accuracy'" in told.note


@pytest.mark.parametrize("wish", ["Maximise val_accuracy.", "The highest validation accuracy, please.", ""])
def test_nothing_is_told_of_goals_that_agree(wish: str) -> None:
    assert completed(read_description(f"{FACTS}## Goal\n{wish}"), "maximise val_accuracy").note == ""


def test_a_goal_in_words_of_everyday_needs_the_name_of_its_metric() -> None:
    description = read_description("## Data\nd\n## Model\nm\n## Goal\nMaximise the validation accuracy")
    with pytest.raises(ConfigError, match="lacks: goal") as refused:
        completed(description)
    assert "Which metric does 'Maximise the validation'" in refused.value.hint
    assert completed(description, "maximise val_acc").goal == Goal("val_acc", True)
    told = completed(description, "minimise train_seconds")
    assert told.goal == Goal("train_seconds", False)
    assert "says 'Maximise the validation'" in told.note


def test_a_long_part_leaves_room_for_the_others_and_nothing_steers_a_display() -> None:
    text = read_description(f"## Data\n{'x' * 100_000}\x1b]0;t\x07\n## Model\nm\n## Goal\nmax f1").text
    assert len(text) < 5000
    assert text.endswith("…\n\nModel:\nm\n\nGoal:\nmax f1")
    assert "\x1b" not in text
