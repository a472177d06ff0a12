"""The gates in order, and what every text gives."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codegen_hpo.contract import read_candidate
from codegen_hpo.contract.read import MAX_FINDINGS
from codegen_hpo.space import Choice, Float, Int


def test_a_good_source_gives_a_candidate(good, read):
    candidate, findings = read()
    assert findings == ()
    assert candidate is not None
    assert (candidate.name, candidate.author, candidate.source) == ("c01", "test", good)
    assert candidate.title == "A network with one hidden layer."
    assert dict(candidate.space) == {
        "width": Int(32, 1024, True, 256, "units of the hidden layer; more can fit more."),
        "dropout": Float(0.0, 0.6, False, 0.1, "share of units left out"),
        "activation": Choice(("relu", "silu"), "silu", "the layer's nonlinearity"),
        "residual": Choice((False, True), True, "adds the input"),
        "learning_rate": Float(1e-5, 1e-1, True, 1e-3, "step size of AdamW"),
    }
    assert [type(value) for value in candidate.space.defaults().values()] == [int, float, str, bool, float]


def test_windows_line_ends_are_read(good):
    candidate, _ = read_candidate(good.replace("\n", "\r\n"), name="c01", author="test")
    assert candidate is not None
    assert candidate.title == "A network with one hidden layer."


@pytest.mark.filterwarnings("error")
def test_an_invalid_escape_is_no_fault(read):
    assert read("import math\n", "import math\nPATTERN = '\\o'\n").candidate is not None


@pytest.mark.parametrize(
    ("source", "gates"),
    [
        ("\0 import os (", ["text"]),
        ("import os (", ["syntax"]),
        ("import math\n", ["signature"]),
        ("import os\n", ["rules", "signature"]),
    ],
)
def test_the_first_gate_that_refuses_gives_all_findings_and_rules_and_signature_answer_together(
    source, gates
):
    candidate, findings = read_candidate(source, name="c01", author="test")
    assert candidate is None
    assert [finding.gate for finding in findings] == gates


def test_all_complaints_of_a_gate_come_together_in_the_order_of_lines(rules):
    found = rules("import math\n", "import os\nimport math\nx = open(y)\n")
    assert found[0] == "import"
    assert sorted(found[1:]) == ["import-time", "io", "undefined-name"]


def test_repeated_complaints_are_folded_and_their_number_is_bounded():
    same = read_candidate("import os\n" * 50, name="c01", author="test").findings
    assert [(finding.gate, finding.line) for finding in same] == [("rules", 1), ("signature", None)]
    assert same[0].message == "os is imported; also in line 2, 3, 4, 5, 6, 7, 8, 9, …"
    many = "def f():\n" + "".join(f"    name_{number}\n" for number in range(50))
    findings = read_candidate(many, name="c01", author="test").findings
    assert len(findings) == MAX_FINDINGS + 2
    assert findings[-2].rule == "more"
    assert findings[-2].message.startswith("30 more")
    assert findings[-1].gate == "signature"


@settings(max_examples=100)
@given(st.text())
@example("\ud800")
@example("\N{BYTE ORDER MARK}def")
@example("# coding: utf-7\n+AGEAYg-")
@example("'\\N{no such name}'")
@example("x = 1_")
@example("\\")
@example("f'{'")
@example("if x:\n\tpass\n        pass")
def test_any_text_gives_findings_and_never_an_exception(text):
    candidate, findings = read_candidate(text, name="c01", author="test")
    assert candidate is None
    assert findings
    for finding in findings:
        assert finding.message
        assert finding.line is None or finding.line >= 1


PIECES = st.sampled_from(
    [
        *(
            "(",
            ")",
            "[",
            "]",
            "*",
            ",",
            ":",
            "=",
            "\n",
            "    ",
            '"',
            "'",
            "#",
            "\\",
            "\0",
            "é",
            "ｏｓ",
            "\ud800",
        ),
        *("def ", "class ", "lambda: ", "return ", "yield ", "async ", "await ", "global x\n", "import os\n"),
        *(
            "None",
            "True",
            "1e999",
            "-1",
            "10**10",
            "0x",
            "Annotated[",
            "Literal[",
            '"log"',
            "int",
            "float",
            "bool",
        ),
        *(
            "make_model_and_optimizer",
            "n_numeric",
            "batch_size",
            "Args:",
            "match x:\n case [",
            "del (((a,),),)",
        ),
        *("f'{x!r:>{w}}'", "*args", "**kwargs", "/", "@", ":=", "...", "type X = int\n", "\t", "\r", "\f"),
    ]
)


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 40), PIECES | st.text(max_size=5)), min_size=1, max_size=4
    )
)
def test_a_good_source_with_anything_changed_gives_findings_or_a_candidate(good, changes):
    source = good
    for place, removed, inserted in changes:
        start = int(place * len(source))
        source = source[:start] + inserted + source[start + removed :]
    candidate, findings = read_candidate(source, name="c01", author="test")
    assert (candidate is None) == bool(findings)
    if candidate is not None:
        assert_usable(candidate.space)


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_a_good_source_with_its_lines_shuffled_gives_findings_or_a_candidate(good, seed):
    lines = good.splitlines(keepends=True)
    random.Random(seed).shuffle(lines)
    candidate, findings = read_candidate("".join(lines), name="c01", author="test")
    assert (candidate is None) == bool(findings)


def assert_usable(space) -> None:
    """Every point that a dry-run visits is in range, the defaults among them."""
    for point in space.corners():
        assert space.check(point).arguments == point


numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([0, 1, -1, 0.5, 10**400, 2**53, 1e308]))
annotations = st.one_of(
    st.builds(
        "Annotated[{}, {!r}, {!r}{}]".format,
        st.sampled_from(["int", "float", "bool", "str"]),
        numbers,
        numbers,
        st.sampled_from(["", ', "log"', ', "linear"', ", 3"]),
    ),
    st.builds(
        lambda options: f"Literal[{', '.join(map(repr, options))}]",
        st.lists(st.one_of(st.booleans(), st.none(), numbers, st.text(max_size=4)), min_size=1, max_size=5),
    ),
    st.sampled_from(
        ["bool", "int", "float", "str", "None", "list[int]", "'bool'", "Annotated[int]", "x.y[1]"]
    ),
)


HUGE = "0x" + "f" * 5000  # Python refuses to write so many digits


@pytest.mark.slow
@settings(max_examples=60)
@given(annotations, st.one_of(numbers, st.booleans(), st.none(), st.text(max_size=4)).map(repr))
@example(f"Literal[{HUGE}]", "0")
@example("bool", HUGE)
@example(f"Annotated[int, 0, {10**400}]", "0")
@example("Literal[1e999]", "1e999")
def test_whatever_space_is_accepted_holds_its_own_default_and_corners(good, annotation, default):
    declared = f"width: {annotation} = {default}"
    source = good.replace('width: Annotated[int, 32, 1024, "log"] = 256', declared)
    candidate, findings = read_candidate(source, name="c01", author="test")
    assert (candidate is None) == bool(findings)
    if candidate is not None:
        assert_usable(candidate.space)


values = st.one_of(
    st.booleans(), st.none(), numbers, st.text(max_size=4), st.sampled_from(["relu", "64", 64.0])
)


@pytest.fixture(scope="module")
def space(read):
    return read().candidate.space


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["width", "dropout", "activation", "residual", "learning_rate", "other"]), values
    )
)
def test_whatever_arguments_are_accepted_are_complete_and_in_range(space, proposal):
    arguments, complaints = space.check(proposal)
    assert (arguments is None) == bool(complaints)
    if arguments is not None:
        assert list(arguments) == list(space)
        assert type(arguments["width"]) is int
        assert 32 <= arguments["width"] <= 1024
        assert 0.0 <= arguments["dropout"] <= 0.6
        assert arguments["activation"] in {"relu", "silu"}
        assert type(arguments["residual"]) is bool
        assert 1e-5 <= arguments["learning_rate"] <= 1e-1
