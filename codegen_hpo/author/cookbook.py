"""The cookbook: functions that ship with the package, offered where no endpoint is configured.

The recipes are source files and stay text: they pass the same gates as a model's code and run in a sandbox,
never here.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import get_args

from codegen_hpo.author.base import Brief, Draft
from codegen_hpo.errors import ConfigError
from codegen_hpo.table.target import TRANSFORMS
from codegen_hpo.task import Kind

RECIPES = ("plr", "tabm", "mlp", "residual")  # the best first: see the prompts' house knowledge
_FOLDER = Path(__file__).parent / "recipes"

# The default batch size, up to so many training rows: larger batches cost accuracy on small tables and save
# time on large ones. TabM's published settings (arXiv 2410.24210, github.com/yandex-research/tabm) have 256
# rows where there are 13,000 to 26,000 training rows, 512 where there are 35,000, 1024 where 370,000.
_BATCHES = ((30_000, 256), (300_000, 512))
_LARGEST_BATCH = 1024

# training arguments that do nothing for a task of that kind, and would only widen the search
_IDLE: dict[Kind, tuple[str, ...]] = {
    "regression": ("label_smoothing",),
    "binary": ("loss", "target_transform"),
    "multiclass": ("loss", "target_transform"),
}


class CookbookAuthor:
    """Offers recipe n as candidate n.

    Args:
        default_transform: the default to declare for `target_transform`: what the bundle found to suit
            the target. In place of "log" every second recipe declares "sqrt".
    """

    name = "cookbook"
    trusted = True

    def __init__(self, *, default_transform: str = "none") -> None:
        self._default_transform = default_transform

    def write(self, brief: Brief) -> Draft:
        """The recipe of the brief's number; the same again when it is to be mended, for none is rewritten.

        Raises ConfigError when there is no such recipe.
        """
        if brief.number > len(RECIPES):
            raise ConfigError(
                f"the cookbook has {len(RECIPES)} functions, candidate {brief.number} was asked for",
                hint=f"ask for at most {len(RECIPES)} candidates, or configure a model that writes more",
            )
        return Draft(
            source=self.source(brief.number, brief.task.kind, len(brief.task.split.trainings[0].train))
        )

    def source(self, number: int, kind: Kind, rows: int = 0) -> str:
        """The source of the recipe with that number, from 1, for a task of that kind with so many training
        rows."""
        transform = self._default_transform
        if transform == "log" and number % 2 == 0:
            # which of the two is better only trials tell, and few are made. Test RMSE of the first recipe,
            # one seed: taxis 3.75 with log and 3.98 with sqrt, diamonds 583 and 544
            transform = "sqrt"
        return _offered(number, kind, transform, batch_size(rows))


def batch_size(rows: int) -> int:
    """The default batch size for so many training rows."""
    return next((size for most, size in _BATCHES if rows <= most), _LARGEST_BATCH)


def is_recipe(source: str) -> bool:
    """Whether a source is one of ours to the letter, as offered for some task."""
    sizes = [*(size for _, size in _BATCHES), _LARGEST_BATCH]
    return any(
        source == _offered(number, kind, transform, size)
        for number in range(1, len(RECIPES) + 1)
        for kind in get_args(Kind)
        for transform in TRANSFORMS
        for size in sizes
    )


@cache
def _offered(number: int, kind: Kind, transform: str, batch_size: int) -> str:
    text = (_FOLDER / f"{RECIPES[number - 1]}.py").read_text(encoding="utf-8")
    if kind == "regression":
        text = _with_default(text, "target_transform", f'"{transform}"')
    return _without(_with_default(text, "batch_size", str(batch_size)), _IDLE[kind])


def _without(source: str, names: Sequence[str]) -> str:
    """The source less these arguments: each has one line in the signature and one in the docstring."""
    idle = re.compile(rf"\s+(?:{'|'.join(names)}): ")
    return "".join(line for line in source.splitlines(keepends=True) if not idle.match(line))


def _with_default(source: str, name: str, default: str) -> str:
    declared = re.compile(rf"^(    {name}: \w+\[.*\] = ).+,$", re.MULTILINE)
    return declared.sub(rf"\g<1>{default},", source)
