"""Results of benchmarks that were made up, so that every figure of them is known."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from codegen_hpo.bench.cell import POOL, Cell, Evaluation, Search, Spent
from codegen_hpo.bench.results import Results

Losses = Sequence[float | None]
MakeResults = Callable[..., Results]


@pytest.fixture
def made_up() -> MakeResults:
    """Makes results of {(tuner, problem, seed): losses} and {problem: losses of the pool}."""

    def make(
        cells: Mapping[tuple[str, str, int], Losses],
        pools: Mapping[str, Losses] | None = None,
        suite: str = "sklearn",
        optimum: float | None = None,
    ) -> Results:
        def search(cell: Cell, losses: Losses) -> Search:
            evaluations = tuple(_evaluation(number, loss) for number, loss in enumerate(losses, 1))
            return Search(cell=cell, optimum=optimum, evaluations=evaluations, versions={"python": "3.11"})

        return Results(
            suite=suite,
            facts={"rows": 100},
            commands=(f"codegen-hpo bench {suite}",),
            searches=tuple(search(Cell(p, t, s, len(row)), row) for (t, p, s), row in cells.items()),
            pools={p: search(Cell(p, POOL, 0, len(row)), row) for p, row in (pools or {}).items()},
        )

    return make


def _evaluation(number: int, loss: float | None) -> Evaluation:
    return Evaluation(
        arguments={"x": number / 3, "y": 0.5},
        loss=loss,
        sealed=None if loss is None else loss + 0.125,
        status="timeout" if loss is None else "ok",
        error="above 5 s" if loss is None else "",
        proposed_by="tpe",
        fallback="",
        reasoning="",
        seconds=0.5,
        spent=Spent(0.25, 0, 0, 0),
    )
