"""What the page on the contract says is what the gates do."""

import re
from pathlib import Path
from typing import get_args

from codegen_hpo.contract import read_candidate
from codegen_hpo.contract.allowed import MODULES
from codegen_hpo.contract.signature import DATA_ARGUMENTS
from codegen_hpo.contract.training import TRAINING_ARGUMENTS, OneOf
from codegen_hpo.records import Gate

PAGE = "contract.md"


def test_the_function_of_the_page_meets_the_contract(blocks) -> None:  # type: ignore[no-untyped-def]
    source = blocks(PAGE, "python")[0].text
    verdict = read_candidate(source, name="page", author="file")
    assert verdict.findings == ()
    assert verdict.candidate


def rows(text: str, heading: str) -> dict[str, str]:
    """The second column of a section's table by the first, where that is a name in backquotes."""
    section = text.partition(f"# {heading}\n")[2].partition("\n#")[0]
    return dict(re.findall(r"^\| `([\w-]+)` \| (.+?) \|", section, re.MULTILINE))


def test_the_tables_name_the_arguments_that_are_read(docs: Path) -> None:
    text = (docs / PAGE).read_text(encoding="utf-8")
    assert tuple(rows(text, "Before the `*`: facts of the data")) == DATA_ARGUMENTS
    told = rows(text, "Training arguments")
    assert list(told) == list(TRAINING_ARGUMENTS)
    for name, meaning in TRAINING_ARGUMENTS.items():
        if isinstance(meaning, OneOf):
            assert tuple(re.findall(r"`(\w+)`", told[name])) == meaning.options
        else:
            assert f"in [{meaning.low:.7g}, {meaning.high:.7g}]" in told[name], name


def test_the_gates_stand_in_their_order(docs: Path) -> None:
    text = (docs / PAGE).read_text(encoding="utf-8")
    assert tuple(rows(text, "The gates")) == get_args(Gate)


def test_the_rules_name_the_modules_that_may_be_imported(docs: Path) -> None:
    rules = (docs / PAGE).read_text(encoding="utf-8").partition("**Rules.**")[2]
    assert tuple(re.findall(r"`(\w+)`", rules)[: len(MODULES)]) == MODULES
