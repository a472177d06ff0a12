"""The cookbook: functions that ship with the package, offered where no endpoint is configured.

The recipes are source files and stay text: they pass the same gates as a model's code and run in a sandbox,
never here.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from codegen_hpo.author.base import Brief, Draft
from codegen_hpo.errors import ConfigError
from codegen_hpo.table.target import TRANSFORMS
from codegen_hpo.task import Kind

RECIPES = ("plr", "tabm", "mlp", "residual")  # the best first: see the prompts' house knowledge
_FOLDER = Path(__file__).parent / "recipes"

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
            the target.
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
        return Draft(source=self.source(brief.number, brief.task.kind))

    def source(self, number: int, kind: Kind) -> str:
        """The source of the recipe with that number, from 1, for a task of that kind."""
        text = (_FOLDER / f"{RECIPES[number - 1]}.py").read_text(encoding="utf-8")
        if kind == "regression":
            text = _with_default(text, "target_transform", self._default_transform)
        return _without(text, _IDLE[kind])


def is_recipe(source: str) -> bool:
    """Whether a source is one of ours to the letter, as offered for some kind of task."""
    return any(
        source == CookbookAuthor(default_transform=transform).source(number, kind)
        for number in range(1, len(RECIPES) + 1)
        for kind in get_args(Kind)
        for transform in TRANSFORMS
    )


def _without(source: str, names: Sequence[str]) -> str:
    """The source less these arguments: each has one line in the signature and one in the docstring."""
    idle = re.compile(rf"\s+(?:{'|'.join(names)}): ")
    return "".join(line for line in source.splitlines(keepends=True) if not idle.match(line))


def _with_default(source: str, name: str, default: str) -> str:
    declared = re.compile(rf'^(    {name}: Literal\[.*\] = )"\w+",$', re.MULTILINE)
    return declared.sub(rf'\g<1>"{default}",', source)
