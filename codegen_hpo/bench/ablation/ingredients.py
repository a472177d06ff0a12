"""The ingredients: each as one training without it and one with it, alike in everything else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from codegen_hpo.space import Scalar
from codegen_hpo.table.kind import Kind

KINDS: tuple[Kind, ...] = get_args(Kind)
SEARCH = "fit"
CLASSES: tuple[Kind, ...] = ("binary", "multiclass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One training: a recipe at its defaults but for some arguments, which may lie outside their ranges.

    The recipe SEARCH is a whole search, and its changes are settings of `fit`.
    """

    recipe: str
    changes: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Such as "plr dropout=0.0"."""
        return " ".join([self.recipe, *(f"{name}={value}" for name, value in self.changes.items())])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """What is switched off and on."""

    name: str
    without: Setup
    with_it: Setup
    kinds: tuple[Kind, ...] = KINDS  # of the tasks where it can do anything


FIT = Setup(recipe=SEARCH)
SINGLE = Setup(recipe=SEARCH, changes={"ensemble": 1})
NO_RESEED = Setup(recipe=SEARCH, changes={"reseed": 0})


def _switched(
    name: str, off: Mapping[str, Scalar], on: Mapping[str, Scalar], kinds: tuple[Kind, ...] = KINDS
) -> Ingredient:
    """An ingredient that arguments of the first recipe switch."""
    return Ingredient(
        name=name,
        without=Setup(recipe="plr", changes=off),
        with_it=Setup(recipe="plr", changes=on),
        kinds=kinds,
    )


INGREDIENTS = (
    Ingredient(
        name="piecewise-linear embeddings of numbers",
        # the plain recipe, with the layers of the other
        without=Setup(recipe="mlp", changes={"depth": 2, "activation": "relu"}),
        with_it=Setup(recipe="plr"),
    ),
    _switched("category embeddings, 8 wide in place of 1", {"category_dim": 1}, {}),
    _switched("dropout", {"dropout": 0.0}, {}),
    _switched("averaged weights (EMA)", {"ema_decay": 0.0}, {}),
    _switched("huber loss in place of mse", {"loss": "mse"}, {"loss": "huber"}, ("regression",)),
    _switched("mae loss in place of mse", {"loss": "mse"}, {"loss": "mae"}, ("regression",)),
    _switched(
        "log of the target", {"target_transform": "none"}, {"target_transform": "log"}, ("regression",)
    ),
    _switched(
        "square root of the target",
        {"target_transform": "none"},
        {"target_transform": "sqrt"},
        ("regression",),
    ),
    _switched("label smoothing 0.1", {"label_smoothing": 0.0}, {"label_smoothing": 0.1}, CLASSES),
    _switched("cosine schedule", {"lr_schedule": "constant"}, {"lr_schedule": "cosine"}),
    _switched("weight decay", {"weight_decay": 0.0}, {}),
    Ingredient(
        name="parallel members, 8 in place of 1",
        without=Setup(recipe="tabm", changes={"k": 1}),
        with_it=Setup(recipe="tabm"),
    ),
    Ingredient(name="ensemble in place of the best trial", without=SINGLE, with_it=FIT),
    Ingredient(name="fresh seeds before a winner is named", without=NO_RESEED, with_it=FIT),
)
