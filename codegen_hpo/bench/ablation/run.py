"""Carries out the trainings that the ingredients need, none twice."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple

from codegen_hpo.bench.ablation.fits import run_fit
from codegen_hpo.bench.ablation.ingredients import FIT, INGREDIENTS, NO_RESEED, SEARCH, Ingredient, Setup
from codegen_hpo.bench.ablation.results import SUITE, read_trained, write_trained
from codegen_hpo.bench.ablation.trainings import Trained, open_trainings
from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.bench.peers.table import PeerTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What all trainings have alike."""

    seeds: int = 3
    threads: int = 2
    train_s: float = 60.0
    search_s: float = 60.0  # of a whole search; 0 leaves the searches out


class Done(NamedTuple):
    """One training that was carried out now."""

    table: str
    seed: int
    setup: Setup
    trained: Trained


def run_ablation(
    tables: Sequence[PeerTable],
    folder: Path,
    conditions: Conditions,
    *,
    ingredients: Sequence[Ingredient] = INGREDIENTS,
    command: str = "",
) -> Iterator[Done]:
    """The trainings that were missing, each as it is done; seeds are the outer loop.

    Raises:
        ConfigError: the folder holds another benchmark.
        SandboxError: no worker can be started.
    """
    facts = {
        "threads": conditions.threads,
        "seconds of a training at most": conditions.train_s,
        "seconds of a search": conditions.search_s,
    }
    BenchFolder(folder).agree(SUITE, facts, command)
    for seed, table in product(range(conditions.seeds), tables):
        name = table.facts.name
        known = read_trained(folder, name, seed)
        for setup, found in _missing(table, seed, conditions, setups_of(ingredients, table), known):
            known |= found
            write_trained(folder, name, seed, known)
            yield Done(name, seed, setup, known[setup.name])


def _missing(
    table: PeerTable, seed: int, conditions: Conditions, setups: Sequence[Setup], known: Mapping[str, Trained]
) -> Iterator[tuple[Setup, Mapping[str, Trained]]]:
    trainings = [setup for setup in setups if setup.recipe != SEARCH and setup.name not in known]
    if trainings:
        with open_trainings(
            table, seed=seed, threads=conditions.threads, train_s=conditions.train_s
        ) as opened:
            for setup in trainings:
                yield setup, {setup.name: opened.run(setup)}
    for setup in (FIT, NO_RESEED):
        if setup in setups and setup.name not in known and conditions.search_s:
            yield (
                setup,
                run_fit(table, setup, seed=seed, seconds=conditions.search_s, threads=conditions.threads),
            )


def setups_of(ingredients: Sequence[Ingredient], table: PeerTable) -> list[Setup]:
    """The different trainings that the ingredients need on a table."""
    setups = [
        setup
        for ingredient in ingredients
        if table.facts.kind in ingredient.kinds
        for setup in (ingredient.without, ingredient.with_it)
    ]
    return list({setup.name: setup for setup in setups}.values())
