"""The numbers in a model's text, looked up in what a run recorded (the log of arXiv 2402.01881, section 3.4).

A number written with some decimals is in the log if a number of the log rounds to it; one with a percent sign
also if a hundredth of it does. What is not marked is a number of the log, which does not make the sentence
around it true: with few decimals many numbers are in any long log. Any log holds most small whole numbers, so
a step or the number of a trial counts only where the text speaks of one, and a whole number that was chosen
or counted never as a percentage. A trial must be one that was made.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from codegen_hpo.agenthpo.standing import base_trial
from codegen_hpo.agenthpo.written_number import Reading, Written, written_numbers
from codegen_hpo.records import Trial, ranked
from codegen_hpo.space import Choice, Scalar, Space

NOT_IN_LOG = "[not in the log]"


class Marked(NamedTuple):
    """A text in which each number that is not in the log is followed by a mark."""

    text: str
    missing: tuple[str, ...]  # those numbers, as they are written


class Figures:
    """The numbers that are known.

    Args:
        values: measured or chosen ones.
        trials: numbers of trials.
        counts: whole numbers, which are no percentages.
        steps: of trajectories.
    """

    def __init__(
        self,
        values: Iterable[float],
        trials: Iterable[float] = (),
        counts: Iterable[float] = (),
        steps: Iterable[float] = (),
    ) -> None:
        self._trials = frozenset(trials)
        self._values, self._counts, self._steps = map(_sorted, (values, counts, steps))

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> "Figures":
        """The numbers that are written in the texts."""
        found = _Found()
        for text in texts:
            found.text(text)
        return cls(found.values, found.trials, found.counts, found.steps)

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
        found = _Found()
        _of_space(space, found)
        for text in told:
            found.text(text)
        for trial in trials:
            _of_trial(trial, found)
        counts = _counts(trials)
        found.counts += counts
        found.values += [*(count / len(trials) for count in counts if trials), *_apart(space, trials)]
        return cls(found.values, [trial.number for trial in trials], found.counts, found.steps)

    def marked(self, text: str, printed: Callable[[], str] = lambda: "") -> Marked:
        """The text with its unknown numbers marked.

        Args:
            text: in which they are looked for.
            printed: what a script printed, whose numbers are known, too; asked for where one is unknown.
        """
        unknown = [written for written in written_numbers(text) if not self._has(written)]
        if unknown:
            found = _Found()
            found.text(printed())
            also = Figures(found.values, (), found.counts, found.steps)  # no text of a script makes a trial
            unknown = [written for written in unknown if not also._has(written)]
        parts, end = [], 0
        for written in unknown:
            parts += [text[end : written.end], f" {NOT_IN_LOG}"]
            end = written.end
        missing = tuple(text[written.start : written.end].strip() for written in unknown)
        return Marked("".join([*parts, text[end:]]), missing)

    def _has(self, written: Written) -> bool:
        number = written.readings[0][0]
        if written.about == "trial" and number.value in self._trials:
            return True
        known = [self._values] if written.percent else [self._values, self._counts]
        known += [self._steps] if written.about == "step" else []
        return any(
            all(any(_near(number, values) for values in known) for number in reading)
            for reading in written.readings
            if not reading[0].trial
        )


@dataclass(slots=True)
class _Found:
    """Numbers as they are collected."""

    values: list[float] = field(default_factory=list)
    trials: list[float] = field(default_factory=list)
    counts: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)

    def text(self, text: str) -> None:
        """Takes the numbers that the text states; 97 % states both 97 and 0.97."""
        for written in written_numbers(text):
            for number in (number for reading in written.readings for number in reading):
                if number.trial:
                    self.trials.append(number.value)
                elif written.about == "step":
                    self.steps.append(number.value)
                elif number.whole and not written.percent:
                    self.counts.append(number.value)
                else:
                    self.values.append(number.value)

    def value(self, value: Scalar | None) -> None:
        """Takes the number itself, or those that a text states."""
        if isinstance(value, str):
            self.text(value)
        elif value is not None and not isinstance(value, bool):
            (self.counts if isinstance(value, int) else self.values).append(value)


def _sorted(values: Iterable[float]) -> list[float]:
    return sorted({float(value) for value in values if math.isfinite(value)})


def _near(number: Reading, values: Sequence[float]) -> bool:
    """Whether one of the sorted values rounds to the number."""
    value, half, whole, _ = number
    if not math.isfinite(value):
        return False
    slack = half * (1 + 1e-9) + abs(value) * 1e-12
    low = bisect_left(values, value - slack)
    near = values[low : bisect_right(values, value + slack)]
    if value == 0:  # every small number would round to it
        return 0.0 in near
    # 1 is no rounding of an accuracy of 0.97
    return any(abs(known) >= 1 or not whole for known in near) or value in near


def _of_space(space: Space, found: _Found) -> None:
    found.counts.append(len(space))
    for dimension in space.values():
        values = dimension.options if isinstance(dimension, Choice) else (dimension.low, dimension.high)
        for value in (*values, dimension.default, dimension.description):
            found.value(value)


def _of_trial(trial: Trial, found: _Found) -> None:
    outcome = trial.outcome
    for value in (*trial.call.arguments.values(), outcome.error, *outcome.notes):
        found.value(value)
    found.values.append(outcome.seconds)
    if trial.score is not None:
        # as a model is shown it, and may round it on
        found.values += [trial.score, float(f"{trial.score:.4e}")]
    for series in outcome.trajectory:
        found.steps += series.steps
        found.values += [rounded for value in series.values for rounded in (value, float(f"{value:.4g}"))]


def _counts(trials: Sequence[Trial]) -> tuple[int, int, int]:
    """How many trials there are, have a value, and failed."""
    scored = sum(trial.score is not None for trial in trials)
    return (len(trials), scored, len(trials) - scored)


def _apart(space: Space, trials: Sequence[Trial]) -> Iterator[float]:
    """How far each metric is from the best and from the base, in its own unit and as a share."""
    scores = [trial.score for trial in trials if trial.score is not None]
    for compared in (base_trial(space, trials), next(iter(ranked(trials)), None)):
        if compared is None or compared.score is None:
            continue
        for score in scores:
            apart = [score - compared.score]
            apart += [apart[0] / abs(compared.score)] if compared.score else []
            yield from (sign * difference for difference in apart for sign in (1, -1))
