"""One search of a benchmark, a cell of its table: one tuner with one seed on one problem."""

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from codegen_hpo.bench.problem import Value
from codegen_hpo.records import Call, Outcome, Status, Trial
from codegen_hpo.space import Scalar

POOL = "pool"  # the tuner's name of a cell of independent random points


class Cell(NamedTuple):
    """What is searched, by whom."""

    problem: str
    tuner: str
    seed: int
    budget: int
    framing: int | None = None  # of the problem's words, for a tuner that asks a model

    @property
    def arm(self) -> str:
        """The tuner as the report names it."""
        return self.tuner if self.framing is None else f"{self.tuner}, framing {self.framing}"

    @property
    def path(self) -> str:
        """Its file below the folder of cells."""
        framed = "" if self.framing is None else f"-framing{self.framing}"
        return (
            f"{self.problem.replace('/', '-')}/{self.tuner}{framed}-budget{self.budget}-seed{self.seed}.json"
        )


class Spent(NamedTuple):
    """What one ask took."""

    seconds: float = 0.0  # of processor time, and of waiting for a language model
    requests: int = 0  # to a language model
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One point of a search, with all that is known of it."""

    arguments: dict[str, Scalar]
    loss: float | None
    sealed: float | None
    status: Status
    error: str
    proposed_by: str
    fallback: str
    reasoning: str
    seconds: float  # of processor time, when it was first evaluated
    spent: Spent  # by the tuner

    @classmethod
    def of(cls, call: Call, value: Value, spent: Spent) -> "Evaluation":
        """What became of a call."""
        return cls(
            arguments=dict(call.arguments),
            loss=value.loss,
            sealed=value.sealed,
            status=value.status,
            error=value.error,
            proposed_by=call.proposed_by,
            fallback=call.fallback,
            reasoning=call.reasoning,
            seconds=value.seconds,
            spent=spent,
        )

    def trial(self, number: int) -> Trial:
        """What a tuner is told of it: not the sealed error."""
        call = Call(
            arguments=self.arguments,
            proposed_by=self.proposed_by,
            reasoning=self.reasoning,
            fallback=self.fallback,
        )
        outcome = Outcome(status=self.status, error=self.error, seconds=self.seconds)
        return Trial(number=number, call=call, outcome=outcome, score=self.loss, loss=self.loss)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A cell with its evaluations so far."""

    cell: Cell
    optimum: float | None = None
    model: str = ""  # the language model, for a tuner that asks one
    options: dict[str, Any] = field(default_factory=dict)  # how such a tuner works
    evaluations: tuple[Evaluation, ...] = ()
    ended: str = ""  # why the tuner ended it before the budget was spent
    versions: dict[str, str] = field(default_factory=dict)  # of python and of the packages at work

    @property
    def finished(self) -> bool:
        return bool(self.ended) or len(self.evaluations) >= self.cell.budget

    @property
    def losses(self) -> list[float | None]:
        return [evaluation.loss for evaluation in self.evaluations]

    @property
    def best(self) -> Evaluation | None:
        """The earliest evaluation with the lowest loss; None if all failed."""
        usable = [evaluation for evaluation in self.evaluations if evaluation.loss is not None]
        return min(usable, key=lambda evaluation: evaluation.loss or 0.0) if usable else None

    def to_json(self) -> dict[str, Any]:
        """A plain mapping that `from_json` reads back."""
        return asdict(self) | {
            "cell": self.cell._asdict(),
            "evaluations": [asdict(e) | {"spent": e.spent._asdict()} for e in self.evaluations],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Search":
        """The search that `to_json` wrote."""
        rows = [row | {"spent": Spent(**row["spent"])} for row in data["evaluations"]]
        evaluations = tuple(Evaluation(**row) for row in rows)
        return cls(**data | {"cell": Cell(**data["cell"]), "evaluations": evaluations})
