"""The text and syntax gates: what is refused before any analysis, and that nothing is slow or crashes."""

import threading

import pytest

from codegen_hpo.contract import read_candidate
from codegen_hpo.contract.text import MAX_BYTES, text_findings

SIZE = 64_000


def repeated(text: str, before: str = "", after: str = "") -> str:
    return before + text * ((SIZE - len(before) - len(after)) // len(text)) + after


def nested(opening: str, closing: str, depth: int, core: str = "a") -> str:
    return opening * depth + core + closing * depth


WORST = {
    "parentheses": "(" * 32_000 + ")" * 32_000,
    "parentheses as deep as ast reads them": (nested("(", ")", 199) + "\n") * 160,
    "open brackets": repeated("["),
    "a sum": repeated("a+", after="a"),
    "sums": repeated("+".join("a" * 95) + "\n"),
    "a chain of and": repeated("a and ", after="a"),
    "chains of and": repeated(" and ".join("a" * 95) + "\n"),
    "nested chains of and": nested("(", " and a" * 20 + ")", 29),
    "a dotted import": repeated(".a", "import a"),
    "a dotted from-import": repeated(".a", "from a", " import b"),
    "a row of strings": repeated('"" ', "x = "),
    "an f-string": repeated("{a}", 'f"', '"'),
    "nested f-strings": nested("f'{f\"{", "}\"}'", 1) * 4000,
    "lambdas in lambdas": repeated("lambda: ", after="1"),
    "a lambda of many arguments": repeated("a, ", "lambda ", "b: 1"),
    "calls of calls": repeated("()", "f"),
    "subscripts of subscripts": repeated("[0]", "f"),
    "attributes of attributes": repeated(".a", "f"),
    "signs": repeated("-", after="1"),
    "negations": repeated("not ", after="1"),
    "conditions": repeated("a if b else ", after="c"),
    "comparisons": repeated("a<", after="a"),
    "comprehensions": repeated("for x in y ", "[x ", "]"),
    "a long list": repeated("a,", "[", "]"),
    "branches": repeated("elif a: pass\n", "if a: pass\n"),
    "assignments of one name": repeated("a=a\n"),
    "fewer assignments of one name": "a=a\n" * 2900,
    "many imports": repeated("import math\n"),
    "many globals": repeated("a,", "def f():\n global ", "a"),
    "many decorators": repeated("@a\n", after="def f(): pass\n"),
    "many functions": repeated("def f(a):\n return a\n"),
    "many unknown names": "def f():\n" + "".join(f" a{number}\n" for number in range(5000)),
    "nested sequence patterns": "match a:\n case " + nested("[", "]", 90) + ": pass\n",
    "nested mapping patterns": "match a:\n case " + nested("{1:", "}", 16) + ": pass\n",
    "nested class patterns": "match a:\n case " + nested("C(a=", ")", 20) + ": pass\n",
    "parentheses in a pattern": "match a:\n case " + nested("(", ")", 24) + ": pass\n",
    "alternatives": repeated("1|", "match a:\n case ", "1: pass\n"),
    "nested del": "del " + nested("(", ",)", 25),
    "nested del on one line": "if a: b; del " + nested("(", ",)", 25),
    "a long number": "a = " + "9" * 60_000,
    "a long hexadecimal number": "a = 0x" + "f" * 60_000,
    "powers": "a = " + "9**" * 90 + "9",
    "a long name": "a" * SIZE,
    "a docstring that regular expressions stumble over": '"""' + "a" + " " * 60_000 + 'b: c\n"""',
    "stars": repeated("*"),
    "backslashes": repeated("a = \\\n", after="1"),
    "control characters": repeated("\x01\n"),
    "blank lines": repeated("\n"),
    "surrogates": repeated("\ud800", after="")[:1000],
}


# each takes a second or two; where libcst meets such text unprepared, it takes hours or ends the process
@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("source", WORST.values(), ids=WORST.keys())
def test_the_worst_inputs_are_refused_in_little_time(source):
    candidate, findings = read_candidate(source, name="c01", author="test")
    assert candidate is None
    assert findings


def test_a_thread_with_its_small_stack_reads_the_worst_inputs_too():
    refused = []

    def read_all() -> None:
        for name in ("nested chains of and", "sums", "nested f-strings", "parentheses", "conditions"):
            refused.append(read_candidate(WORST[name], name="c01", author="test").candidate is None)

    thread = threading.Thread(target=read_all)
    thread.start()
    thread.join()
    assert refused == [True] * 5


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("", "empty"),
        (" \n\n", "empty"),
        ("#" * (MAX_BYTES + 1), "size"),
        ("é" * (MAX_BYTES // 2 + 1), "size"),
        ("a = 1\0", "character"),
        ("a = '\ud800'", "character"),
        ("a = 1\rb = 2\n", "character"),
        ("a = '\N{RIGHT-TO-LEFT OVERRIDE}'", "character"),
        ("\N{BYTE ORDER MARK}a = 1", "character"),
        ("# -*- coding: utf-7 -*-\n", "encoding"),
        ("#!/usr/bin/python\n# coding=latin-1\n", "encoding"),
    ],
)
def test_a_text_that_no_parser_should_see_is_refused(source, rule):
    assert [finding.rule for finding in text_findings(source)] == [rule]


@pytest.mark.parametrize(
    "source", ["# coding: utf-8\n", "a = 'é ｏｓ →'\n", "a\t=\t1\r\n", "a = 1\n\n# coding: x"]
)
def test_ordinary_text_passes(source):
    assert text_findings(source) == []


def test_a_character_is_named_with_its_place():
    (finding,) = text_findings("a = 1\nb = '\x07'\n")
    assert (finding.line, finding.column) == (2, 6)
    assert "U+0007" in finding.message


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("a = 1\nb = (\n", 2, "never closed"),
        ("def f(a, a): pass\n", 1, "duplicate argument"),
        ("a = 1\nreturn a\n", 2, "outside function"),
        ("x: int = 1\ntype X = int\n", 2, ""),
        ("def f[T](a): pass\n", 1, ""),
        ("try:\n    pass\nexcept* ValueError:\n    continue\n", 4, "except*"),
        ("def f():\n  a\n b\n", 3, "indent"),
        ("Here is the function:\n\ndef f(): pass\n", 1, "invalid syntax"),
    ],
)
def test_a_syntax_error_is_given_with_its_line(source, line, words):
    (finding,) = read_candidate(source, name="c01", author="test").findings
    assert (finding.gate, finding.rule, finding.line) == ("syntax", "syntax", line)
    assert words in finding.message


@pytest.mark.parametrize(
    "passage",
    [
        "x = " + " and ".join("abc"),
        "x = " + "+".join(["1"] * 80),
        "x = (" + "'a' " * 40 + ")",
        "x = " + nested("(", ")", 25, "1"),
        "match width:\n        case [1, (2 | 3)]:\n            pass",
        "del model.a[0], (model.b, model.c)",
        "x = f'{width:>{width}} {[(1, 2)]}'",
    ],
)
def test_ordinary_nesting_passes_the_syntax_gate(read, passage):
    findings = read("    model = Network(", f"    {passage}\n    model = Network(").findings
    assert [finding for finding in findings if finding.gate == "syntax"] == []
