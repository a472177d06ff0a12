from typing import cast

import pytest

from codegen_hpo.author.base import Author, Brief, Draft
from codegen_hpo.task import Task
from codegen_hpo.testing.authors import ScriptedAuthor


def brief(number: int) -> Brief:
    return Brief(task=cast(Task, None), hardware="", budget="", number=number)


def test_sources_and_drafts_are_served_in_turn_and_the_briefs_are_kept() -> None:
    nothing = Draft(source=None, reply="no")
    author = ScriptedAuthor(["a = 1", nothing], trusted=False)
    seam: Author = author
    assert seam.write(brief(1)) == Draft(source="a = 1")
    assert seam.write(brief(2)) is nothing
    assert [kept.number for kept in author.briefs] == [1, 2]
    assert not author.trusted


def test_the_end_of_the_script_says_what_was_asked_for() -> None:
    author = ScriptedAuthor([])
    with pytest.raises(AssertionError, match="holds 0 drafts, draft 1 was asked for"):
        author.write(brief(1))
