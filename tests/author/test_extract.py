import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.author.base import Draft
from codegen_hpo.author.extract import draft_from_reply
from codegen_hpo.contract import read_candidate
from codegen_hpo.llm.messages import Reply, Usage

CODE = '''import torch


def make_model_and_optimizer(n_numeric, *, width=3):
    """Makes."""
    return None, None
'''
HALF = CODE[:60]


def reply(text: str, finish: str = "stop", reasoning: str = "") -> Reply:
    return Reply(
        text=text, call=None, finish=finish, usage=Usage(1, 1), model="m", seconds=0.0, reasoning=reasoning
    )


def draft(text: str, finish: str = "stop") -> Draft:
    return draft_from_reply(reply(text, finish))


@pytest.mark.parametrize(
    "text",
    [
        f"Here it is:\n\n```python\n{CODE}```\n",
        f"```python\n{CODE}```",
        f"```py\n{CODE}\n```",
        f"```\n{CODE}```\nIt has one layer.",
        f"```javascript\n{CODE}```",
        f"~~~python\n{CODE}~~~",
        f"````python\n{CODE}````",
        f"```python\n```python\n{CODE}```\n```",
        f"````markdown\n```python\n{CODE}```\n````",
        f"```python\n{CODE}",
        CODE,
        f"Sure, this is the file.\n\n{CODE}\nIt isn't long, and it's tested.",
        f"A sketch:\n```python\nx = 3\n```\nfile:\n```python\n{CODE}```\nRun:\n```bash\nls\n```",
        f"```python\n{CODE.replace('3', '9')}```\nBetter:\n```python\n{CODE}```",
        f"```python\n{CODE}```\nand the end of a second one:\n```python\ndef make_model_and_optimizer(",
        f"Text\r\n```python\r\n{CODE.replace(chr(10), chr(13) + chr(10))}```\r\n",
    ],
)
def test_the_file_is_found_however_it_is_wrapped(text: str) -> None:
    found = draft(text)
    assert found.findings == ()
    assert found.source is not None
    assert found.source.rstrip() == CODE.rstrip()
    assert found.reply == text


@pytest.mark.parametrize(
    ("text", "finish", "rule"),
    [
        ("I would use an MLP with two layers.", "stop", "no-code"),
        ("", "stop", "no-code"),
        ("   \n", "stop", "no-code"),
        ("```python\n```", "stop", "no-code"),
        ("I cannot help with that.", "refusal", "refusal"),
        ("", "content_filter", "content-filter"),
        (f"```python\n{HALF}", "length", "truncated"),
        (f"```python\n{HALF}", "cut", "truncated"),
        (HALF, "length", "truncated"),
        ("Let me think about", "length", "truncated"),
    ],
)
def test_a_reply_without_code_becomes_a_finding(text: str, finish: str, rule: str) -> None:
    found = draft(text, finish)
    assert found.source is None
    assert [(finding.gate, finding.rule) for finding in found.findings] == [("reply", rule)]
    assert found.findings[0].hint
    assert found.reply == text


def test_a_complete_block_counts_even_if_the_reply_was_cut_off_after_it() -> None:
    found = draft(f"```python\n{CODE}```\nThe idea behind it is", "length")
    assert found.source == CODE


def test_a_block_without_the_function_is_handed_on_for_the_gates_to_judge() -> None:
    found = draft("```python\ndef build(width):\n    return width\n```")
    assert found.source is not None
    verdict = read_candidate(found.source, name="c01", author="llm:m")
    assert "function" in {finding.rule for finding in verdict.findings}


def test_code_in_the_field_for_reasoning_is_taken_when_there_is_no_text() -> None:
    found = draft_from_reply(reply("", reasoning=f"```python\n{CODE}```"))
    assert found.source == CODE


@given(st.text(alphabet="`~ab(:\n def", max_size=400))
def test_any_reply_gives_a_source_or_a_finding(text: str) -> None:
    for finish in ("stop", "length"):
        found = draft(text, finish)
        assert (found.source is None) == bool(found.findings)
