"""Files as models of middle size write them: each says in its head what is expected of it."""

import re
from pathlib import Path

import pytest

from codegen_hpo.contract import read_candidate

FILES = sorted((Path(__file__).parent / "realistic").glob("*.py"))
_EXPECTED = re.compile(r"^# expect: (?:(accepted)|([\w-]+): ([\w-]+): (.+))$", re.MULTILINE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_realistic_file_gets_what_its_head_expects_and_nothing_else(file):
    source = file.read_text(encoding="utf-8")
    expected = _EXPECTED.findall(source)
    findings = read_candidate(source, name="c01", author="test").findings
    said = [(found.gate, found.rule) for found in findings]
    wanted = [(gate, rule) for accepted, gate, rule, _ in expected if not accepted]
    assert expected
    assert sorted(said) == sorted(wanted), "\n".join(map(str, findings))
    for _, gate, rule, words in expected:
        heard = [f"{f.message} {f.hint}" for f in findings if (f.gate, f.rule) == (gate, rule)]
        assert not heard or any(words in text for text in heard), (words, heard)
    assert all(finding.hint for finding in findings)
