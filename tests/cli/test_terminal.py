"""What is printed can be copied, and cannot do harm."""

import sys
from pathlib import Path

import pytest

from codegen_hpo.cli.terminal import number, plain, program


def test_the_program_is_called_by_its_path_unless_the_shell_finds_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/codegen-hpo"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program() == ".venv/bin/codegen-hpo"
    found = tmp_path / "codegen-hpo"
    found.write_text("#!/bin/sh\n")
    found.chmod(0o755)
    assert program() == "codegen-hpo"


def test_control_characters_of_data_and_models_are_not_printed() -> None:
    assert plain("a\x1b[31mb\x07\tc\nd") == "a�[31mb�\tc\nd"


@pytest.mark.parametrize(("value", "cell"), [(None, "–"), (1.23456789, "1.2346"), (7, "7"), ("x", "x")])
def test_numbers_are_short_and_nothing_is_a_dash(value: object, cell: str) -> None:
    assert number(value) == cell
