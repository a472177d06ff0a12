"""How much each hyperparameter mattered: computed from the trials, and told with how many there were."""

import logging
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from codegen_hpo.records import Trial, ranked
from codegen_hpo.space import Choice, Dimension, Scalar, Space
from codegen_hpo.tuner.feedback import spaced
from codegen_hpo.tuner.points import share

ENOUGH = 10  # trials with a value that a share is computed from; more if more hyperparameters varied
ENOUGH_FOR_FACTS = 4
MOST = 200  # trials that the shares are computed from
# measured with 10 to 40 random trials of random value, 12 searches each
BY_CHANCE = (
    "The shares add up to 1 even where nothing matters: in made-up trials whose results were pure chance the "
    "largest was about 0.5 with 3 hyperparameters, 0.3 with 6 and 0.2 with 20, and at most 0.9, 0.7 and 0.6."
)
_SEED = 0  # of the forest: the same trials give the same shares
_FENCE = 1.5  # quartile ranges above the upper quartile, beyond which a loss counts as that far (Tukey)
_LISTED = 4  # values that a fact lists
_NO_THIRD = "there is no best third, for trials are level"


class Influence(NamedTuple):
    """What the trials tell of one hyperparameter."""

    name: str
    share: float | None  # of the variance that is explained; None if it was not computed
    fact: str  # how the better trials' values differ from the others'
    failures: str  # at which values trials failed; empty if none did


@dataclass(frozen=True, slots=True, kw_only=True)
class Importances:
    """What the trials tell of all hyperparameters, the most important first."""

    scored: int  # trials with a value
    failed: int
    reason: str  # why no shares were computed; empty if they were
    influences: tuple[Influence, ...]

    @property
    def sampled(self) -> int:
        """The number of trials that the shares were computed from."""
        return min(self.scored, MOST)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"influences": [influence._asdict() for influence in self.influences]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Importances":
        influences = tuple(Influence(**fields) for fields in data["influences"])
        return cls(**dict(data) | {"influences": influences})


def importances(space: Space, trials: Sequence[Trial]) -> Importances:
    """What the trials tell of each hyperparameter of the space.

    The shares are those of functional ANOVA (Hutter, Hoos and Leyton-Brown, 2014) as Optuna computes them: a
    forest is fitted to the trials and its variance split over the whole space, so that trials which crowd
    around the best, as a tuner's do, do not count by their number. On a made-up function of six arguments
    the strongest came first in 44 % of searches with 8 random trials, 64 % with 10 and 84 % with 20, more
    often than with PED-ANOVA or rank correlations (measured before losses were cut). Below ten trials, or
    fewer than the hyperparameters that varied, no share is given. Shares add up to 1, whatever the trials
    hold (`BY_CHANCE`). One loss far from all others would explain everything, so losses are cut at Tukey's
    fence.
    """
    scored = ranked(trials)
    reason = _too_few(scored, len(_varied(space, scored)))
    found = {} if reason else _shares(space, _sampled(scored))
    failed = [trial for trial in trials if trial.loss is None]
    told = [
        Influence(
            name,
            found.get(name),
            _fact(name, space[name], scored),
            _failures(name, space[name], scored, failed),
        )
        for name in space
    ]
    told.sort(key=lambda influence: -(influence.share or 0.0))
    return Importances(scored=len(scored), failed=len(failed), reason=reason, influences=tuple(told))


def _too_few(scored: Sequence[Trial], varied: int) -> str:
    if len(scored) < (needed := max(ENOUGH, varied)):
        return f"{_with_value(scored)}, too few to tell: {needed} are needed"
    if len({trial.loss for trial in scored}) == 1:
        return f"all {len(scored)} trials have the same value"
    return ""


def _varied(space: Space, scored: Sequence[Trial]) -> list[str]:
    return [name for name in space if len(set(map(repr, _values(name, scored)))) > 1]


def _with_value(scored: Sequence[Trial]) -> str:
    return "1 trial has a value" if len(scored) == 1 else f"{len(scored)} trials have a value"


def _sampled(scored: Sequence[Trial]) -> list[Trial]:
    """The trials, or as many as the forest can be fitted to in seconds, evenly from the best to the worst."""
    return [scored[place] for place in spaced(len(scored), MOST, set())]


def _shares(space: Space, scored: Sequence[Trial]) -> dict[str, float]:
    """The share of each hyperparameter that took more than one value, to two decimals."""
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances
    from optuna.trial import create_trial

    from codegen_hpo.optuna_export import distribution, parameter

    varied = _varied(space, scored)
    distributions = {name: distribution(space[name]) for name in varied}
    with _quiet():
        study = optuna.create_study()
    for trial, loss in zip(scored, _fenced([trial.loss or 0.0 for trial in scored]), strict=True):
        params = {name: parameter(space[name], trial.call.arguments[name]) for name in varied}
        study.add_trial(create_trial(params=params, distributions=distributions, value=loss))
    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=_SEED), params=varied)
    return {name: round(float(value), 2) for name, value in found.items()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Optuna from telling on stderr of a study that is none of the user's."""
    logger = logging.getLogger("optuna")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _fenced(losses: Sequence[float]) -> list[float]:
    """The losses, of which none is farther above the others than Tukey's fence."""
    lower, _, upper = statistics.quantiles(losses, n=4, method="inclusive")
    fence = upper + _FENCE * (upper - lower)
    return [min(loss, fence) if upper > lower else loss for loss in losses]


def _fact(name: str, dimension: Dimension, scored: Sequence[Trial]) -> str:
    """How the values of the best third differ from the others', or why that cannot be said."""
    values = _values(name, scored)
    if not values:
        return "no trial has a value"
    if len(set(map(repr, values))) == 1:
        return f"always {_listed(values)}, so nothing is known of it"
    if len(scored) < ENOUGH_FOR_FACTS:
        return f"too few to tell: {_with_value(scored)}"
    losses = [trial.loss or 0.0 for trial in scored]
    if len(set(losses)) == 1:
        return f"all {len(values)} trials have the same value, so nothing is known of it"
    count = len(values) // 3
    third = f"the best third ({count} of {len(values)})"
    best, others = values[:count], values[count:]
    level = losses[count - 1] == losses[count]  # which of them are the best is a matter of their order then
    if isinstance(dimension, Choice):
        told = f"{third} took {_listed(best)}; the others {_listed(others)}"
        return _NO_THIRD if level else told
    told = _NO_THIRD if level else f"{third} lies {_span(best)}, the others {_span(others)}"
    along = [share(dimension, float(value)) for value in values]
    from scipy.stats import spearmanr

    r = spearmanr(along, [-loss for loss in losses]).statistic
    return (
        f"{told}; rank correlation of a higher value with a better metric: {r:+.2f} over {len(values)} trials"
    )


def _failures(name: str, dimension: Dimension, scored: Sequence[Trial], failed: Sequence[Trial]) -> str:
    """At which values trials failed, against those at which none did; empty if the value was always one."""
    bad, good = _values(name, failed), _values(name, scored)
    if not bad or len(set(map(repr, [*bad, *good]))) == 1:
        return ""
    if isinstance(dimension, Choice):
        tried = Counter(map(_shown, [*bad, *good]))
        return "; ".join(f"{at}: {n} of {tried[at]} failed" for at, n in Counter(map(_shown, bad)).items())
    told = f"{len(bad)} failed {_span(bad)}"
    if good and min(bad) > max(good):
        return f"{told}: above all others, which end at {_shown(max(good))}"
    if good and max(bad) < min(good):
        return f"{told}: below all others, which begin at {_shown(min(good))}"
    return f"{told}; the others lie {_span(good)}" if good else told


def _values(name: str, trials: Iterable[Trial]) -> list[Any]:
    return [trial.call.arguments[name] for trial in trials]


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"at {_shown(low)}" if low == high else f"between {_shown(low)} and {_shown(high)}"


def _listed(values: Sequence[Scalar]) -> str:
    """The values that occur, the most frequent first, with how often if more than once."""
    counts = Counter(map(_shown, values)).most_common()
    told = [f"{text} ({count} times)" if count > 1 else text for text, count in counts[:_LISTED]]
    return ", ".join(told) + (f" and {len(counts) - _LISTED} more" if len(counts) > _LISTED else "")


def _shown(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) and math.isfinite(value) else str(value)
