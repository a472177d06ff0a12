"""Texts that crash or stall parsers, and names that are others once they are read.

They run as they are, and each must also be answered with findings, or a candidate, by the static gates.
"""

from codegen_hpo.records import Status
from codegen_hpo.testing.attacks.attack import ANY, Attack, attacks_of, equipped
from codegen_hpo.testing.sandbox_cases import sample_source

_make, _names = attacks_of("texts that crash parsers"), attacks_of("names that normalise")
_S = 8.0
_GOOD = sample_source()


def _text(name: str, line: str, *, statuses: tuple[Status, ...] = ANY) -> Attack:
    return _make(name, f"{_GOOD}\n{line}\n", statuses=statuses, timeout_s=_S)


def _named(name: str, body: str) -> Attack:
    source = equipped(sample_source(construct=f"{body}\ntell()"))
    return _names(name, source, statuses=ANY, timeout_s=_S)


TEXTS: tuple[Attack, ...] = (
    _text("nests-parentheses", "x = " + "(" * 1500 + "1" + ")" * 1500),
    _text("nests-brackets-deeply", "x = " + "[" * 60000),
    _text("nests-calls", "x = " + "f(" * 90 + ")" * 90 + " if False else 0"),
    _text("chains-and", "x = " + " and ".join(["1"] * 8000)),
    _text("chains-or-not", "x = " + "not " * 9000 + "1"),
    _text("chains-minus", "x = " + "-" * 20000 + "1"),
    _text("chains-plus", "x = " + "+".join(["1"] * 12000)),
    _text("chains-comparisons", "x = " + " < ".join(["1"] * 8000)),
    _text("chains-attributes", "x = torch" + ".nn" * 8000 + " if 0 else 1"),
    _text("chains-subscripts", "x = 0 and torch" + "[0]" * 8000),
    _text("imports-a-dotted-name", "import a" + ".a" * 8000),
    _text("chains-else-if", "if 0:\n    pass\n" + "".join(f"elif {i}:\n    pass\n" for i in range(1, 3000))),
    _text("nests-functions", "".join(" " * i + "def f():\n" for i in range(95)) + " " * 95 + "pass"),
    _text("nests-lambdas", "x = " + "lambda: " * 5000 + "1"),
    _text("nests-f-strings", "x = " + "f'{" * 3 + "1" + "}'" * 3 + "\ny = " + 'f"{' * 200 + "1" + '}"' * 200),
    _text("nests-f-string-formats", "x = f'{1:" + "{1:" * 150 + "}" * 150 + "}'"),
    _text("stacks-decorators", "@id\n" * 8000 + "def f(): pass"),
    _text("concatenates-strings", "x = " + "'a' " * 15000),
    _text("has-a-huge-number", "x = " + "9" * 60000),
    _text("has-a-huge-power", "x = 9 ** 9 ** 9 if 0 else 'a' * 10 ** 12 if 0 else 1"),
    _text("has-a-long-name", "x" * 60000 + " = 1"),
    _text(
        "has-many-names",
        "\n".join(f"a{i} = a{i - 1} if {i} else 0" for i in range(1, 2500)).replace("a0", "0", 1),
    ),
    _text("matches-deeply", "match 1:\n    case " + "[" * 200 + "x" + "]" * 200 + ":\n        pass"),
    _text(
        "nests-comprehensions", "x = " + "[" * 18 + "0" + "".join(f" for i{n} in (0,)]" for n in range(18))
    ),
    _make("has-a-nul", _GOOD + "\nx = '\0'\n", statuses=("error", "bad_result"), timeout_s=_S),
    _make("has-surrogates", _GOOD + "\nx = '\ud800\udfff'\n", statuses=ANY, timeout_s=_S),
    _make(
        "has-a-coding-cookie", "# -*- coding: utf-7 -*-\n+AAo-import os\n" + _GOOD, statuses=ANY, timeout_s=_S
    ),
    _make("has-an-unknown-cookie", "# coding: rot13-of-my-own\n" + _GOOD, statuses=ANY, timeout_s=_S),
    _make("has-form-feeds", "\f\v\x1c\x85\u2028" + _GOOD, statuses=ANY, timeout_s=_S),
    _make("has-a-byte-order-mark", "\ufeff" + _GOOD, statuses=ANY, timeout_s=_S),
    _make("has-mixed-line-ends", _GOOD.replace("\n", "\r") + "\r\n\n\r", statuses=ANY, timeout_s=_S),
    _make(
        "turns-text-around",
        _GOOD + "\n# \u202e\u2066 return True \u2069 \u202c\n",
        statuses=ANY,
        timeout_s=_S,
    ),
    _make("is-empty", "", statuses=("contract",), timeout_s=_S),
    _make("is-ten-megabytes", _GOOD + "\n# " + "x" * 10_000_000, statuses=ANY, timeout_s=_S),
    _make("is-one-megabyte-of-code", _GOOD + "\nx = 1" * 150_000, statuses=ANY, timeout_s=_S),
)

NORMALISED: tuple[Attack, ...] = (
    _named(
        "imports-a-wide-os",
        "import ｏｓ\nattempt('a wide os', lambda: ｏｓ.kill(ｏｓ.getppid(), 0) or 'signalled')",
    ),
    _named(
        "calls-a-wide-import",
        "attempt('a wide __import__', lambda: __ｉｍｐｏｒｔ__('subprocess').run(['/bin/true'], check=True))",
    ),
    _named("opens-in-mathematical-letters", "attempt('𝓸𝓹𝓮𝓷', lambda: 𝓸𝓹𝓮𝓷('$secret_home').read())"),
    _named(
        "has-a-ligature", "attempt('a ligature', lambda: getattr(os, 'fork')() and os.ﬁle or os._exit(0))"
    ),
    _named(
        "evaluates-a-text",
        "attempt('eval', lambda: eval(bytes([111,115,46,102,111,114,107,40,41])) or os._exit(0))",
    ),
)
