"""Findings rendered with the lines around them."""

from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.contract import code_frame
from codegen_hpo.records import Finding

SOURCE = "one = 1\ntwo = 2\nthree = open(x)\nfour = 4\nfive = 5\nsix = 6\n"


def finding(**fields) -> Finding:
    return Finding(**{"gate": "rules", "rule": "io", "message": "open is used", **fields})


def test_a_complaint_is_followed_by_its_lines_and_a_caret():
    assert code_frame(SOURCE, [finding(line=3, column=9, hint="leave it out")]) == (
        "1. [rules: io] line 3, column 9: open is used\n"
        "   To do: leave it out\n"
        "     1 | one = 1\n"
        "     2 | two = 2\n"
        "   > 3 | three = open(x)\n"
        "       |         ^\n"
        "     4 | four = 4\n"
        "     5 | five = 5"
    )


def test_complaints_are_numbered_and_those_without_a_place_stand_alone():
    assert code_frame(SOURCE, [finding(), finding(line=99), finding(message="x")]) == (
        "1. [rules: io] open is used\n\n2. [rules: io] line 99: open is used\n\n3. [rules: io] x"
    )


def test_a_tab_before_the_fault_does_not_move_the_caret():
    lines = code_frame("\tx = y\n", [finding(line=1, column=6)]).split("\n")
    assert lines[2].index("^") == lines[1].index("y")


def test_a_long_line_is_cut_around_the_fault():
    source = "x = [" + "1, " * 500 + "bad" + ", 1" * 500 + "]\n"
    column = source.index("bad") + 1
    shown = code_frame(source, [finding(line=1, column=column)]).split("\n")
    assert len(shown[1]) < 160
    assert shown[1][shown[2].index("^") :].startswith("bad")


def test_control_characters_of_the_source_and_the_message_are_escaped():
    shown = code_frame("a = '\x1b[31m'\n", [finding(line=1, message="found \x1b[2J here")])
    assert "\x1b" not in shown
    assert "\\x1b[31m" in shown


@given(st.text(), st.lists(st.builds(finding, line=st.integers(1, 9), column=st.integers(1, 99) | st.none())))
def test_any_source_and_findings_can_be_shown(source, findings):
    shown = code_frame(source, findings)
    assert shown.count("[rules: io]") >= len(findings)
    assert all(character.isprintable() or character == "\n" for character in shown)
