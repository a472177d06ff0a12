"""The numbers that a text states, with the accuracy in which each is written."""

import re
from itertools import zip_longest
from typing import Literal, NamedTuple, cast

_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]{3})*)(?:\.[0-9]+)?|\.[0-9]+"
_POWER = r"10(?:(?:\^|\*\*)\{?[-−]?[0-9]+\}?|⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
_TOKEN = re.compile(
    rf"""
    (?P<skipped>
        ^[ \t>*+\#-]*\(?[0-9]{{1,2}}[.)](?=\s)                  # the place of an item in a list
      | \b[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[T ][0-9:.]+Z?)?   # a date
      | \b[0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}})?\b             # a time of day
      | \b[0-9]+(?:\.[0-9]+){{2,}}                              # a version
      | \b(?:v|(?:version|python|arxiv:?)\s*)[0-9]+(?:\.[0-9]+)*
    )
    | \b(?:(?-i:t)(?=[0-9]{{3}})|trial\s\#?)(?P<trial>[0-9]+)\b(?!\.[0-9])
    | [^\W\d]\w*(?:-[0-9]+\b(?!\.[0-9]))?                       # a name, whatever digits are in it
    | (?P<sign>(?<![\w.%)\]])[-−+])?
      (?:
        (?:(?P<mantissa>{_NUMBER})\s*[×x·*]\s*)?(?P<power>{_POWER})
        | (?P<digits>{_NUMBER})(?:[eE](?P<exponent>[-+−]?[0-9]+))?
      )
      (?P<tail>\s?%|\s?per\s?cent(?:age\spoints?)?\b|\spoints?\b|[^\W\d_]+\b)?
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_TIMES = {"k": 1e3, "m": 1e6}
_UNITS = {"s", "ms", "min", "h", "x", "kb", "mb", "gb", "kib", "mib", "gib", "st", "nd", "rd", "th", *_TIMES}
_PERCENT = re.compile(r"%|per\s?cent(?:age\s?points?)?|points?")
_RANGE = re.compile(r"\s*(?:[-–—]|to|and)\s*")
_NOUN = r"(?:(?P<trial>trial|run)|(?P<step>epoch|step|iteration))"
_OF = r"\s+(?:out\s+)?of(?:\s+the)?"
_JOIN = rf"(?:\s*(?:,\s*(?:and\b|or\b)?|/|&|[-–—])\s*|(?:\s+(?:and|or|to)(?:\s+the)?|{_OF})\s+)"
_WHICH = r"(?:\s+(?:first|last|other|more|further|failed|random|training))?"
_BEFORE = re.compile(rf"\b{_NOUN}(?:s\s+(?:#?[0-9]+{_JOIN}#?)*|[\s\"'=:#(]{{0,4}})$", re.IGNORECASE)
_AFTER = re.compile(
    rf"(?:st|nd|rd|th)?(?:{_JOIN}[0-9]+(?:st|nd|rd|th)?|{_OF})?{_WHICH}[\s-]+{_NOUN}s?\b", re.IGNORECASE
)
_NEAR = 60  # characters beside a number in which its noun is looked for
_EXPONENT = 5  # characters of one that are read: beyond, all numbers are 0 or infinite
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")


class Reading(NamedTuple):
    """One number that a writing may mean, and half of its last digit's unit."""

    value: float
    half: float
    whole: bool = False  # written without decimals
    trial: bool = False  # the number of one


class Written(NamedTuple):
    """A number in a text."""

    start: int
    end: int  # behind a percent sign, in front of another unit
    readings: tuple[tuple[Reading, ...], ...]  # one of them must be known: every number of it
    percent: bool
    about: Literal["", "trial", "step"] = ""  # what it counts or names: trial 3, 14 epochs, steps 1 and 2


def written_numbers(text: str) -> list[Written]:
    """The numbers in the text, in order.

    What is in a name (resnet18), a date, a time of day, a version or the place of an item in a list is none.
    """
    found: list[Written] = []
    for token in _TOKEN.finditer(text):
        if not (token["trial"] or token["power"] or token["digits"]):
            continue
        tail = (token["tail"] or "").strip().lower()
        percent = _PERCENT.fullmatch(tail) is not None
        if not percent and tail.isalpha() and tail not in _UNITS:
            continue  # a name that begins with a digit
        end = token.start("tail") if tail and not percent else token.end()
        readings = _readings(token, tail, percent)
        about = _about(text, token.start(), end) if readings[0][0].whole else ""
        if token["trial"]:
            about = "trial"
        found.append(Written(token.start(), end, readings, percent, about))
    return [_ranged(text, one, two) for one, two in zip_longest(found, found[1:])]


def _readings(token: re.Match[str], tail: str, percent: bool) -> tuple[tuple[Reading, ...], ...]:
    if token["trial"]:
        return ((Reading(float(token["trial"]), 0.0, trial=True),),)
    sign = -1.0 if token["sign"] in ("-", "−") else 1.0
    digits = token["mantissa"] or token["digits"] or "1"
    exponent = _exponent(token["exponent"] or "0" if token["digits"] else token["power"][2:])
    read = _reading(digits, exponent, sign * _TIMES.get(tail, 1.0))
    readings: list[tuple[Reading, ...]] = [(read,)]
    if percent:
        readings.append((_hundredth(read),))
    parts = digits.split(",")
    if len(parts) > 1 and not any(part.startswith("0") for part in parts):  # 16,128 may be two numbers
        readings.append(tuple(_reading(part, 0, 1.0) for part in parts))
    return tuple(readings)


def _about(text: str, start: int, end: int) -> Literal["", "trial", "step"]:
    before, after = text[max(0, start - _NEAR) : start], text[end : end + _NEAR]
    noun = _BEFORE.search(before) or _AFTER.match(after)
    return cast(Literal["trial", "step"], noun.lastgroup) if noun else ""


def _reading(digits: str, exponent: int, factor: float) -> Reading:
    plain = digits.replace(",", "").replace("_", "")
    decimals = len(plain.partition(".")[2])
    scale = factor * 10.0 ** max(-400, min(exponent, 300))
    half = 0.5 * 10.0**-decimals * abs(scale)
    return Reading(float(plain) * scale, half, not decimals and not exponent and factor in (1.0, -1.0))


def _exponent(text: str) -> int:
    return int(re.sub(r"[*^{}+]", "", text).translate(_SUPERSCRIPT)[:_EXPONENT])


def _hundredth(reading: Reading) -> Reading:
    return Reading(reading.value / 100, reading.half / 100)


def _ranged(text: str, written: Written, following: Written | None) -> Written:
    """The number, which may be in percent where it begins a range whose end is: 90 to 95 %."""
    if following is None or written.percent or not following.percent:
        return written
    if not _RANGE.fullmatch(text[written.end : following.start]):
        return written
    return written._replace(readings=(*written.readings, (_hundredth(written.readings[0][0]),)))
