"""The ten landscapes of arXiv 2312.04528, section 4.3 and appendix D, and the four ways to word the task.

The paper's boxes, shift and quadratics did not survive in the text that could be had. The best of ten uniform
points in the boxes here has the mean and spread of its "Random" column (table 7) for all four unshifted
functions, so boxes and budget are the paper's; the shift and the quadratics are ours.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from codegen_hpo.bench.problem import Problem, Value
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.prompts import render
from codegen_hpo.space import Arguments, Float, Scalar, Space
from codegen_hpo.tuner.subject import Subject, objective_metric, objective_subject

SHIFT = (1.37, -0.83)  # of the shifted forms: f(x - 1.37, y + 0.83); no minimum falls on a round number
CENTRE = (1.21, -0.68)  # of the quadratics
FRAMINGS = (0, 1, 2, 3)

Function = Callable[[float, float], float]


class Landscape(NamedTuple):
    """A function of two variables on a box."""

    function: Function
    x: tuple[float, float]
    y: tuple[float, float]
    optimum: float = 0.0


def ackley(x: float, y: float) -> float:
    """Many shallow dips around one deep hole at (0, 0), value 0."""
    far = -20 * math.exp(-0.2 * math.sqrt((x * x + y * y) / 2))
    waves = -math.exp((math.cos(2 * math.pi * x) + math.cos(2 * math.pi * y)) / 2)
    return far + waves + 20 + math.e


def branin(x: float, y: float) -> float:
    """Three equal minima, value 0.397887."""
    bend = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def rosenbrock(x: float, y: float) -> float:
    """A bent valley, flat along its floor, with the minimum 0 at (1, 1)."""
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


def himmelblau(x: float, y: float) -> float:
    """Four equal minima, value 0, one of them at (3, 2)."""
    return (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2


def quadratic(x: float, y: float) -> float:
    """A round bowl, twice as steep one way, with its minimum 0 at CENTRE."""
    return (x - CENTRE[0]) ** 2 + 2 * (y - CENTRE[1]) ** 2


def ill_conditioned(x: float, y: float) -> float:
    """A slanting valley, a hundred times as steep across as along, with its minimum 0 at CENTRE."""
    u, v = x - CENTRE[0], y - CENTRE[1]
    cos, sin = math.cos(math.pi / 6), math.sin(math.pi / 6)
    return (cos * u + sin * v) ** 2 + 100 * (cos * v - sin * u) ** 2


def _shifted(function: Function) -> Function:
    return lambda x, y: function(x - SHIFT[0], y - SHIFT[1])


_BOX = (-5.0, 5.0)
_BRANIN = 0.39788735772973816
_LONG = (-5.0, 10.0)  # Rosenbrock's usual box

LANDSCAPES: Mapping[str, Landscape] = {
    "ackley": Landscape(ackley, _BOX, _BOX),
    "ackley-shifted": Landscape(_shifted(ackley), _BOX, _BOX),
    "branin": Landscape(branin, _LONG, (0.0, 15.0), _BRANIN),
    "branin-shifted": Landscape(_shifted(branin), _LONG, (0.0, 15.0), _BRANIN),
    "rosenbrock": Landscape(rosenbrock, _LONG, _LONG),
    "rosenbrock-shifted": Landscape(_shifted(rosenbrock), _LONG, _LONG),
    "himmelblau": Landscape(himmelblau, _BOX, _BOX),
    "himmelblau-shifted": Landscape(_shifted(himmelblau), _BOX, _BOX),
    "quadratic": Landscape(quadratic, _BOX, _BOX),
    "quadratic-ill": Landscape(ill_conditioned, _BOX, _BOX),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToySuite:
    """The landscapes, their variables under names that give no function away."""

    name: str = "toy"
    limit_s: float | None = None

    def problems(self) -> tuple[str, ...]:
        """The names of the landscapes."""
        return tuple(LANDSCAPES)

    def open(self, problem: str) -> Problem:
        """The landscape of this name as a problem. Raises ConfigError."""
        if problem not in LANDSCAPES:
            raise ConfigError(f"there is no landscape {problem!r}", hint=f"one of {', '.join(LANDSCAPES)}")
        landscape = LANDSCAPES[problem]

        def evaluate(arguments: Arguments) -> Value:
            return Value(landscape.function(float(arguments["x"]), float(arguments["y"])))

        return Problem(
            name=problem,
            space=Space({"x": Float(*landscape.x), "y": Float(*landscape.y)}),
            evaluate=evaluate,
            fingerprint=problem,
            optimum=landscape.optimum,
        )

    def subject(self, problem: Problem, framing: int | None, budget: int) -> Subject:
        """The task in one of the four wordings; 2 where none is named."""
        chosen = 2 if framing is None else framing
        words = render("bench_toy", framing=chosen, budget=budget)
        return objective_subject(words, objective_metric("value" if chosen < 2 else "loss"), problem.space)

    def facts(self) -> dict[str, Scalar]:
        """What the values depend on."""
        return {"shift": str(SHIFT), "centre of the quadratics": str(CENTRE)}
