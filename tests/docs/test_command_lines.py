"""Every call of codegen-hpo that a page shows is one that the command line takes."""

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import click
import pytest

from codegen_hpo.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_CALL = re.compile(r"(?:^|[\s`(])(?:\.venv/bin/)?codegen-hpo ([^`\n]+)", re.MULTILINE)
_NO_WORD = re.compile(r"[…\[\]]")  # stands for what a call leaves out


def calls(text: str) -> Iterator[list[str]]:
    """The words after `codegen-hpo` in code blocks and in code between backquotes."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    blocks = re.findall(r"^```\w*\n(.*?)^```$", joined, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```$", "", joined, flags=re.MULTILINE | re.DOTALL)
    spans = [f"`{' '.join(span.split())}`" for span in re.findall(r"`([^`]+)`", prose)]
    for call in _CALL.findall("\n".join([*blocks, *spans])):
        told = re.split(r"\s{2,}", call)[0]  # a remark may follow
        shell = shlex.shlex(told, posix=True, punctuation_chars=True)
        shell.whitespace_split = True
        yield list(takewhile(lambda word: not set(word) <= set("()<>|&;"), shell))


def check(words: list[str]) -> None:
    """Raises AssertionError or click.UsageError for words that the command line does not take."""
    command: click.Command = cli
    while words and isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found, f"there is no command {words[0]!r}"
        command, words = found, words[1:]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    given = {word.strip("[]").partition("=")[0] for word in words if word.lstrip("[").startswith("--")}
    assert given <= known
    if words and not any(map(_NO_WORD.search, words)):
        try:
            command.make_context(command.name, words)
        except click.BadParameter as error:
            if "does not exist" not in error.message:  # the files of a page are not here
                raise


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_call_is_one_that_the_command_line_takes(page: Path) -> None:
    for words in calls(page.read_text(encoding="utf-8")):
        check(words)


@pytest.mark.parametrize(
    "call",
    ["fits a.csv", "fit a.csv --goal x", "fit … --goal x", "bench everything", "show a b c", "runs --json x"],
)
def test_a_call_that_is_not_taken_is_found(call: str) -> None:
    (words,) = calls(f"`codegen-hpo {call}`")
    with pytest.raises((AssertionError, click.UsageError)):
        check(words)
