"""The author that offers one given source."""

from collections.abc import Callable

from codegen_hpo.author.base import Author, Brief
from codegen_hpo.author.fixed import FixedAuthor
from codegen_hpo.task import Task


def test_it_offers_its_source_whatever_was_found_in_it(make_task: Callable[..., Task]) -> None:
    author: Author = FixedAuthor("x = 1\n", "a file")
    brief = Brief(task=make_task(), hardware="CPU", budget="3 trials", number=1)
    again = Brief(task=make_task(), hardware="CPU", budget="3 trials", number=1, previous="x = 1\n")
    assert author.write(brief).source == author.write(again).source == "x = 1\n"


def test_its_code_is_not_trusted_unless_that_is_said() -> None:
    assert not FixedAuthor("x = 1\n", "a file").trusted
