"""Spaces of other libraries, taken over: ConfigSpace's and Optuna's."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from codegen_hpo.errors import ConfigError
from codegen_hpo.space import Choice, Dimension, Float, Int, Space
from codegen_hpo.space_check import Unsound, checked_space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

MAX_STEPS = 50  # values of a stepped range that are listed as options
_ORDER = "its values are options, whose order is not known to a tuner"


class Imported(NamedTuple):
    """A space, and what of the original it does not hold, one sentence each."""

    space: Space
    notes: tuple[str, ...]


class _Taken(NamedTuple):
    dimension: Dimension
    note: str = ""  # what is lost; follows the name


def from_configspace(
    space: object, *, ignore_conditions: bool = False, where: str = "the ConfigSpace"
) -> Imported:
    """The space of a `ConfigurationSpace`, or of the JSON that its `to_json` writes (format 0.4).

    Of normal and beta distributions the range is taken, of weighted options the options; an ordinal becomes a
    choice. Each such loss is a note.

    Args:
        space: the ConfigurationSpace, or its JSON as a mapping.
        ignore_conditions: drops conditions and forbidden clauses, each with a note.
        where: the file, for messages.

    Raises:
        ConfigError: it has conditions or forbidden clauses, or a hyperparameter that cannot be taken over.
    """
    data = _configspace_json(space, where)
    clauses = [*map(_condition, data.get("conditions") or ()), *map(_forbidden, data.get("forbiddens") or ())]
    if clauses and not ignore_conditions:
        raise ConfigError(
            f"{where} has conditions, which no tuner here knows: {'; '.join(clauses)}",
            hint="take them out, or say --ignore-conditions (ignore_conditions=True): the objective "
            "then gets every argument and may refuse a forbidden point as infeasible",
        )
    listed = ((str(fields.get("name")), fields) for fields in data["hyperparameters"])
    taken = _take(listed, _hyperparameter, where)
    return taken._replace(notes=(*(f"ignored: {clause}" for clause in clauses), *taken.notes))


def from_optuna(
    distributions: "Mapping[str, BaseDistribution | str | Mapping[str, Any]]",
    *,
    where: str = "the distributions",
) -> Imported:
    """The space of Optuna distributions by name: objects, or the JSON that `distribution_to_json` writes.

    A range with a step becomes a choice of its values, at most 50; its order is then not known to a tuner.

    Raises:
        ConfigError: a distribution that cannot be taken over.
    """
    return _take(distributions.items(), _distribution, where)


def _take(items: Iterable[tuple[str, Any]], take: Callable[[Any], _Taken], where: str) -> Imported:
    """The space of these items. Raises ConfigError with every one that cannot be taken."""
    dimensions, notes, complaints = {}, [], []
    for name, item in items:
        try:
            dimensions[name], note = take(item)
        except Unsound as error:
            complaints.append(f"{where}, {name}: {error}")
            continue
        notes += [f"{name}: {note}"] if note else []
    if complaints:
        raise ConfigError(
            "\n".join(complaints), hint="write the space as TOML, where it can be said otherwise"
        )
    return Imported(checked_space(dimensions, where), tuple(notes))


# -- ConfigSpace --------------------------------------------------------------------------------


def _configspace_json(space: object, where: str) -> Mapping[str, Any]:
    to_dict = getattr(space, "to_serialized_dict", None)  # of a ConfigurationSpace, itself a mapping
    data = to_dict() if to_dict else space
    if not isinstance(data, Mapping) or "hyperparameters" not in data:
        raise ConfigError(
            f"{where} is {type(space).__name__}, expected a ConfigurationSpace of ConfigSpace 1 or its JSON",
            hint="pip install 'codegen-hpo[hpo]' brings ConfigSpace 1.2",
        )
    return data


def _hyperparameter(fields: Mapping[str, Any]) -> _Taken:
    kind = str(fields.get("type"))
    default = fields.get("default_value", fields.get("default"))
    try:
        if kind == "constant":
            return _Taken(Choice((fields["value"],)))
        if kind in ("categorical", "ordinal"):
            options = tuple(fields["sequence" if kind == "ordinal" else "choices"])
            note = _ORDER if kind == "ordinal" else ""
            note = "the weights of its options are left out" if fields.get("weights") else note
            return _Taken(Choice(options, default), note)
        shape, _, number = kind.partition("_")
        if number not in ("int", "float") or shape not in ("uniform", "normal", "beta"):
            raise Unsound(f"its type {kind!r} is not known")
        low, high, log = fields["lower"], fields["upper"], bool(fields.get("log"))
    except KeyError as error:
        raise Unsound(f"a {kind} without {error}") from None
    if low is None or high is None:
        raise Unsound(f"its {shape} distribution has no bounds")
    note = "" if shape == "uniform" else f"of its {shape} distribution the range is taken"
    if fields.get("q"):
        return _stepped(low, high, fields["q"], default)
    return _Taken((Int if number == "int" else Float)(low, high, log, default), note)


def _condition(data: Mapping[str, Any]) -> str:
    if "conditions" in data:
        return f"{data.get('type', 'AND')} of {', '.join(map(_condition, data['conditions']))}"
    values = data.get("values", data.get("value"))
    return f"{data.get('child')} only if {data.get('parent')} {data.get('type')} {values!r}"


def _forbidden(data: Mapping[str, Any]) -> str:
    if "clauses" in data:
        return f"forbidden {' and '.join(map(_forbidden, data['clauses']))}"
    if "left" in data:
        return f"forbidden {data['left']} {data.get('type')} {data.get('right')}"
    return f"forbidden {data.get('name')} {data.get('type')} {data.get('values', data.get('value'))!r}"


# -- Optuna -------------------------------------------------------------------------------------


def _distribution(given: object) -> _Taken:
    from optuna import distributions as optuna  # half a second to import

    if isinstance(given, str | Mapping):
        try:
            text = given if isinstance(given, str) else json.dumps(given)
            given = optuna.json_to_distribution(text)
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise Unsound(f"it is no distribution of Optuna: {error}") from None
    match given:
        case optuna.CategoricalDistribution(choices=choices):
            options: tuple[Any, ...] = tuple(choices)  # None among them is refused later
            return _Taken(Choice(options))
        case optuna.FloatDistribution(low=low, high=high, log=log, step=None):
            return _Taken(Float(low, high, log))
        case optuna.IntDistribution(low=low, high=high, log=log, step=1):
            return _Taken(Int(low, high, log))
        case optuna.FloatDistribution(low=low, high=high, step=float(step)):
            return _stepped(low, high, step)
        case optuna.IntDistribution(low=low, high=high, step=step):
            return _stepped(low, high, step)
    raise Unsound(f"it is {given!r:.80}, expected a distribution of Optuna")


def _stepped(low: float, high: float, step: float, default: object = None) -> _Taken:
    """A range with a step, as the list of its values. Raises Unsound if there are too many."""
    try:
        count = int((high - low) / step + 1e-9) + 1
    except (OverflowError, ValueError):  # infinite, or not a number
        raise Unsound(f"its step {step!r:.60} makes values without number from {low!r:.60}") from None
    if count > MAX_STEPS:
        raise Unsound(f"its step {step:g} makes {count} values, and at most {MAX_STEPS} can be listed")
    values: list[float] = [low + place * step for place in range(count)]
    if any(isinstance(number, float) for number in (low, step)):
        values = [float(f"{value:.12g}") for value in values]  # 0.1 + 2 * 0.1 is 0.30000000000000004
    chosen = next((value for value in values if value == default), None)
    return _Taken(Choice(tuple(values), chosen), _ORDER)
