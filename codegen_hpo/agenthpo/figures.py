"""The numbers in a model's text, looked up in what a run recorded (the log of arXiv 2402.01881, section 3.4).

A number written with some decimals is in the log if a number of the log rounds to it; one with a percent sign
also if a hundredth of it does. What is not marked is a number of the log, which does not make the sentence
around it true: with few decimals many numbers are in any long log. A trial must be one that was made.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from codegen_hpo.agenthpo.standing import base_trial
from codegen_hpo.agenthpo.written_number import Reading, numbers, written_numbers
from codegen_hpo.records import Trial, ranked
from codegen_hpo.space import Choice, Scalar, Space

NOT_IN_LOG = "[not in the log]"


class Marked(NamedTuple):
    """A text in which each number that is not in the log is followed by a mark."""

    text: str
    missing: tuple[str, ...]  # those numbers, as they are written


class Figures:
    """The numbers that are known, those of trials among them."""

    def __init__(self, values: Iterable[float], trials: Iterable[float]) -> None:
        self._trials = frozenset(trials)
        self._values = sorted({float(value) for value in values if math.isfinite(value)} | self._trials)

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> "Figures":
        """The numbers that are written in the texts."""
        return cls((), ()).also(texts)

    @classmethod
    def of_run(cls, space: Space, trials: Sequence[Trial], told: Iterable[str] = ()) -> "Figures":
        """The numbers of a search.

        They are those of the trials (number, arguments, metric, seconds, trajectory, errors and notes), of
        the space, the counts of trials, and what follows from them: by how much a metric differs from that of
        the best and of the base, in its own unit and as a share, and the shares of trials that failed.

        Args:
            space: that was searched.
            trials: that were made.
            told: texts that are no model's, whose numbers count as well.
        """
        found = [*_of_space(space), *_derived(space, trials)]
        for text in told:
            found += _of_value(text)
        for trial in trials:
            found += _of_trial(trial)
        return cls(found, [trial.number for trial in trials])

    def also(self, texts: Iterable[str]) -> "Figures":
        """These numbers and those that are written in the texts."""
        found = [number for text in texts for number in numbers(text)]
        trials = [number.value for number in found if number.trial]
        return Figures([*self._values, *(number.value for number in found)], [*self._trials, *trials])

    def marked(self, text: str) -> Marked:
        """The text with its unknown numbers marked."""
        parts, end, missing = [], 0, []
        for written in written_numbers(text):
            if not any(all(map(self._knows, reading)) for reading in written.readings):
                place = written.end
                parts += [text[end:place], f" {NOT_IN_LOG}"]
                missing.append(text[written.start : place].strip())
                end = place
        return Marked("".join([*parts, text[end:]]), tuple(missing))

    def _knows(self, reading: Reading) -> bool:
        value, half, whole, trial = reading
        if trial:
            return value in self._trials
        if not math.isfinite(value):
            return False
        slack = half * (1 + 1e-9) + abs(value) * 1e-12
        low = bisect_left(self._values, value - slack)
        near = self._values[low : bisect_right(self._values, value + slack)]
        if value == 0:  # every small number would round to it
            return 0.0 in near
        # 1 is no rounding of an accuracy of 0.97
        return any(abs(known) >= 1 or not whole for known in near) or value in near


def _of_space(space: Space) -> Iterator[float]:
    yield len(space)
    for dimension in space.values():
        values = dimension.options if isinstance(dimension, Choice) else (dimension.low, dimension.high)
        for value in (*values, dimension.default):
            yield from _of_value(value)
        yield from _of_value(dimension.description)


def _of_trial(trial: Trial) -> Iterator[float]:
    outcome = trial.outcome
    for value in (*trial.call.arguments.values(), outcome.seconds, outcome.error, *outcome.notes):
        yield from _of_value(value)
    if trial.score is not None:
        yield from (trial.score, float(f"{trial.score:.4e}"))  # as a model is shown it, and may round it on
    for series in outcome.trajectory:
        yield from series.steps
        for value in series.values:
            yield from (value, float(f"{value:.4g}"))


def _of_value(value: Scalar | None) -> Iterator[float]:
    """The number itself, or those that a text states."""
    if isinstance(value, str):
        yield from (number.value for number in numbers(value))
    elif value is not None and not isinstance(value, bool):
        yield value


def _derived(space: Space, trials: Sequence[Trial]) -> Iterator[float]:
    """Counts, their shares, and how far each metric is from the best and from the base."""
    scores = [trial.score for trial in trials if trial.score is not None]
    counts = (len(trials), len(scores), len(trials) - len(scores))
    yield from counts
    yield from (count / len(trials) for count in counts if trials)
    for compared in (base_trial(space, trials), next(iter(ranked(trials)), None)):
        if compared is None or compared.score is None:
            continue
        for score in scores:
            apart = [score - compared.score]
            apart += [apart[0] / abs(compared.score)] if compared.score else []
            yield from (sign * difference for difference in apart for sign in (1, -1))
