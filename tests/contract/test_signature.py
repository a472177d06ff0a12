"""The signature gate: the function, its arguments, its docstring."""

import pytest

from codegen_hpo.contract import read_candidate
from codegen_hpo.contract.docstring import MAX_DESCRIPTION, read_docstring
from codegen_hpo.contract.training import TRAINING_ARGUMENTS, OneOf
from codegen_hpo.space import Choice, Float, Int

WIDTH = 'width: Annotated[int, 32, 1024, "log"] = 256'
DATA = "    n_numeric: int,\n    cardinalities: list[int],\n    n_outputs: int,\n"


def declared(read, declaration: str):
    """The dimension that `declaration` of width gives, or the findings' messages."""
    candidate, findings = read(WIDTH, declaration)
    return candidate.space["width"] if candidate else [finding.message for finding in findings]


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("width: Annotated[int, 1, 9] = 3", Int(1, 9, False, 3)),
        ("width: Annotated[int, 1e1, 1_000.0, 'log'] = 2e1", Int(10, 1000, True, 20)),
        ("width: Annotated[float, -1, +2] = -0.5", Float(-1.0, 2.0, False, -0.5)),
        ("width: Annotated[float, 0, 1] = 1", Float(0.0, 1.0, False, 1.0)),
        ("width: Literal['a', 'b'] = 'b'", Choice(("a", "b"), "b")),
        ("width: Literal[16, 32, 'auto', 0.5, True] = 0.5", Choice((16, 32, "auto", 0.5, True), 0.5)),
        ("width: Literal[64] = 64", Choice((64,), 64)),
        ("width: Literal[0.0, 0.1] = 0", Choice((0.0, 0.1), 0.0)),
        ("width: Literal[1, 2] = 2.0", Choice((1, 2), 2)),
        ("width: Annotated[int, 2**5, 2 * 512, 'log'] = 2**7", Int(32, 1024, True, 128)),
        ("width: Annotated[float, 1 / 16, 7 // 2] = 1 - 1e-1", Float(0.0625, 3.0, False, 0.9)),
        ("width: Annotated[float, 10**-5, -(-1)] = 2 * 10**-1", Float(1e-5, 1.0, False, 0.2)),
        ("width: Annotated[float, 0, 1, 'linear'] = 0.5", Float(0.0, 1.0, False, 0.5)),
        ("width: bool = False", Choice((False, True), False)),
    ],
)
def test_a_declaration_becomes_a_dimension(read, declaration, expected):
    found = declared(read, declaration)
    assert type(found)(**{**_fields(found), "description": ""}) == expected
    assert type(found.default) is type(expected.default)


def _fields(dimension) -> dict[str, object]:
    return {name: getattr(dimension, name) for name in dimension.__slots__}


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("width=256", "no type annotation"),
        ("width: Annotated[int, 1, 9]", "no default"),
        ("width: int = 3", "type int has no range"),
        ("width: float = 3.0", "type float has no range"),
        ("width: str = 'a'", "its type is str"),
        ("width: int | None = 3", "its type is int | None"),
        ("width: 'bool' = True", "annotation is a string"),
        ("width: Annotated[int, 1] = 1", "1 entries after int"),
        ("width: Annotated[int, 1, 9, 'log', 2] = 3", "4 entries after int"),
        ("width: Annotated[int, 1, 9, 'ln'] = 3", 'expected "log"'),
        ("width: Annotated[str, 1, 9] = 3", "begins with str"),
        ("width: Annotated[int, (1, 9), 3] = 3", "not a literal value"),
        ("width: Annotated[int, 9, 1] = 3", "range is [9, 1]"),
        ("width: Annotated[int, 3, 3] = 3", "range is [3, 3]"),
        ("width: Annotated[int, 0, 9, 'log'] = 3", "starts at 0 with a log scale"),
        ("width: Annotated[int, 0.5, 9] = 3", "is 0.5, but its type is int"),
        ("width: Annotated[int, True, 9] = 3", "low end of its range is True"),
        ("width: Annotated[int, 1, 2**10**10] = 3", "no number of ordinary size"),
        ("width: Annotated[int, 1, 10**60] = 3", "is 10000000000000000000000000000"),
        ("width: Annotated[float, 1, 1 / 0] = 3", "1 / 0 is no number of ordinary size"),
        ("width: Annotated[float, 1, (-8) ** 0.5] = 3", "no number of ordinary size"),
        ("width: Annotated[float, 1, 10.0**64 * 10**64] = 3", "no number of ordinary size"),
        ("width: Annotated[int, 1, 9 - True] = 3", "True is no number"),
        ("width: Annotated[int, 1, 1+1+1+1+1+1+1+1] = 3", "part of a long formula"),
        ("width: Annotated[int, 1, len('abc')] = 3", "len('abc') is not a literal"),
        ("width: Annotated[int, 1, 9, True] = 3", 'expected "log"'),
        ("width: Annotated[float, 0, 1e999] = 3", "is inf"),
        ("width: Annotated[int, 1, 99999999999999999999] = 3", "is 99999999999999999999"),
        ("width: Annotated[int, 1, 9] = 10", "default 10 is outside [1, 9]"),
        ("width: Annotated[int, 1, 9] = 2.5", "default is 2.5"),
        ("width: Annotated[int, 1, 9] = True", "default is True"),
        ("width: Annotated[int, 1, 9] = None", "None is not a literal"),
        ("width: Annotated[int, 1, 9] = ACTIVATIONS", "ACTIVATIONS is not a literal"),
        ("width: Literal['a', 'b'] = 'c'", "default 'c' is not among"),
        ("width: Literal['a', None] = 'a'", "None is not a literal"),
        ("width: Literal['a', 'a'] = 'a'", "repeats an option"),
        ("width: Literal[1, True] = 1", "repeats an option"),
        ("width: Literal[0, 1] = False", "default False is not among"),
        ("width: Literal['a\\n', 'b'] = 'b'", "control characters"),
        ("width: bool = 1", "default 1 is not among"),
        ("width: Literal[True, 0.5] = 1", "default 1 is not among"),
        ("width: Literal[0.0, 0.5] = False", "default False is not among"),
    ],
)
def test_a_declaration_that_cannot_be_a_dimension_is_explained(read, declaration, message):
    (found,) = declared(read, declaration)
    assert found.startswith("width: ")
    assert message in found


ALIASES = """\
LOW, HIGH = 16, 2**9
START: int = 128
Width = Annotated[int, LOW, HIGH, "log"]
"""


@pytest.mark.parametrize("declaration", ["Width = START", "Annotated[int, LOW, HIGH, 'log'] = 128"])
def test_constants_and_annotations_bound_once_above_the_function_are_seen_through(good, declaration):
    source = good.replace(WIDTH, f"width: {declaration}").replace("\n\nclass", f"\n{ALIASES}\n\nclass", 1)
    candidate, findings = read_candidate(source, name="c01", author="test")
    assert findings == ()
    assert _fields(candidate.space["width"]) | {"description": ""} == _fields(Int(16, 512, True, 128))


@pytest.mark.parametrize(
    "passage",
    [
        "",
        "Width = Annotated[int, 1, 9]\nWidth = Annotated[int, 2, 9]",
        "Width = Other\nOther = Width",
        "class Width:\n    pass",
    ],
)
def test_a_name_that_stands_for_no_one_annotation_is_to_be_written_out(good, passage):
    source = good.replace(WIDTH, "width: Width = 5").replace("\n\nclass", f"\n{passage}\n\n\nclass", 1)
    findings = read_candidate(source, name="c01", author="test").findings
    assert findings[-1].message == "width: its type is Width"
    assert findings[-1].hint.startswith("write the annotation itself here")


@pytest.mark.parametrize(
    ("imported", "written"),
    [
        ("from typing import Annotated, Literal", WIDTH),
        ("from typing import Annotated as A, Annotated, Literal", "width: A[int, 32, 1024, 'log'] = 256"),
        (
            "import typing as t\nfrom typing import Annotated, Literal",
            "width: t.Annotated[int, 32, 1024, 'log'] = 256",
        ),
        (
            "import typing\nfrom typing import Annotated, Literal",
            "width: typing.Annotated[int, 32, 1024, 'log'] = 256",
        ),
    ],
)
def test_imports_of_typing_are_seen_through(good, imported, written):
    source = good.replace("from typing import Annotated, Literal", imported).replace(WIDTH, written)
    candidate, findings = read_candidate(source, name="c01", author="test")
    assert findings == ()
    assert candidate.space["width"] == Int(
        32, 1024, True, 256, "units of the hidden layer; more can fit more."
    )


@pytest.mark.parametrize(
    ("old", "new", "rule", "words"),
    [
        ("_optimizer(", "_optimiser(", "function", "there is make_model_and_optimiser"),
        ("def make", "async def make", "function", "is async"),
        ("def make", "@torch.no_grad()\ndef make", "function", "decorator"),
        ("\nclass N", "\nmake_model_and_optimizer = 3\n\n\nclass N", "function", "bound again"),
        ("\nclass N", "\ndef make_model_and_optimizer():\n    pass\n\n\nclass N", "function", "2 times"),
        ("    *,\n", "    *data,\n", "arguments", "any number of arguments (data)"),
        ("= 1e-3,\n", "= 1e-3,\n    **rest,\n", "arguments", "any number of arguments (rest)"),
        ("    n_outputs: int,\n", "    n_outputs: int,\n    /,\n", "arguments", "before /"),
        ("    n_outputs: int,\n", "    n_outputs: int,\n    n_rows: int,\n", "data-argument", "n_rows"),
        ("    *,\n", "    *,\n    numeric_quantiles: Tensor,\n", "data-argument", "stands after the *"),
        ("    return model, torch.optim", "    pass; torch.optim", "return", "no return statement"),
        ("    return model, torch.optim", "    return model, 3, torch.optim", "return", "3 values"),
        (
            "    return model, torch.optim",
            "    yield model\n    return model, torch.optim",
            "return",
            "yields",
        ),
        ("    model = Net", "    if width == 1:\n        return None\n    model = Net", "return", "no model"),
        ("        dropout: share of units left out\n", "", "docstring", "does not describe dropout"),
    ],
)
def test_a_fault_of_the_function_is_explained(read, old, new, rule, words):
    findings = read(old, new).findings
    assert rule in {finding.rule for finding in findings}
    assert any(words in finding.message for finding in findings)
    assert all(finding.gate == "signature" and finding.hint for finding in findings)


def test_a_misspelt_data_argument_is_told_the_nearest_name(good):
    source = good.replace("n_outputs", "num_outputs")
    (finding,) = read_candidate(source, name="c01", author="test").findings
    assert finding.hint == "write n_outputs"


def test_a_hyperparameter_before_the_star_is_sent_behind_it(read):
    findings = read("    *,\n", "    rate: Annotated[float, 0, 1] = 0.5,\n    *,\n").findings
    assert [finding.rule for finding in findings] == ["docstring", "data-argument"]
    assert findings[1].hint == "hyperparameters stand after the *"


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "    n_outputs,\n    n_numeric: int = 3,\n",
        "    numeric_quantiles,\n    cardinalities: list[int],\n    n_outputs: int,\n    n_numeric: int,\n",
    ],
)
def test_any_of_the_data_arguments_in_any_order_will_do(good, arguments):
    source = good.replace(DATA, arguments).replace("n_numeric + len(cardinalities), n_outputs", "8, 1")
    assert read_candidate(source, name="c01", author="test").findings == ()


def test_a_return_in_an_inner_function_is_its_own_affair(read):
    inner = "    def inner():\n        yield 1\n        return 1, 2, 3\n\n    model = Network("
    assert read("    model = Network(", inner).findings == ()


def test_a_function_without_hyperparameters_is_refused(good):
    start, end = good.index("    *,\n"), good.index(") -> tuple[nn")
    source = good[:start] + good[end:].replace("width, activation", "8, 'relu'").replace(
        "learning_rate)", "1e-3)"
    )
    findings = read_candidate(source, name="c01", author="test").findings
    assert [finding.message for finding in findings] == ["it has no hyperparameters"]


def test_more_hyperparameters_than_can_be_tuned_are_refused(read):
    many = "".join(f"    h{number}: bool = True,\n" for number in range(40))
    messages = [finding.message for finding in read("    *,\n", f"    *,\n{many}").findings]
    assert "it has 45 hyperparameters, at most 40 are tuned" in messages


def test_a_missing_docstring_is_one_complaint(good):
    start = good.index('    """A network')
    end = good.index("    model = Network(")
    findings = read_candidate(good[:start] + good[end:], name="c01", author="test").findings
    assert [finding.rule for finding in findings] == ["docstring"]


@pytest.mark.parametrize(
    ("declaration", "accepted"),
    [
        ("batch_size: Annotated[int, 64, 4096, 'log'] = 256", True),
        ("batch_size: Literal[128, 256] = 128", True),
        ("batch_size: Annotated[float, 64, 4096] = 256", False),
        ("batch_size: Annotated[int, 0, 4096] = 256", False),
        ("batch_size: Literal['small', 'large'] = 'small'", False),
        ("max_epochs: Annotated[int, 10, 200] = 100", True),
        ("patience: bool = True", False),
        ("lr_schedule: Literal['constant', 'cosine'] = 'cosine'", True),
        ("lr_schedule: Literal['step'] = 'step'", False),
        ("lr_schedule: bool = True", False),
        ("warmup_fraction: Annotated[float, 0, 0.3] = 0.1", True),
        ("gradient_clip: Annotated[float, 0.1, 10, 'log'] = 1.0", True),
        ("gradient_clip: Annotated[int, 1, 5] = 1", True),
        ("gradient_clip: Annotated[float, -1, 10] = 1.0", False),
        ("label_smoothing: Annotated[float, 0, 1] = 0.1", False),
        ("ema_decay: Literal[0.0, 0.99, 0.999] = 0.99", True),
        ("ema_decay: Literal[0.9, True] = 0.9", False),
        ("loss: Literal['mse', 'mae', 'huber'] = 'mse'", True),
        ("loss: Literal['mse', 'l1'] = 'mse'", False),
        ("target_transform: Literal['none', 'log'] = 'none'", True),
    ],
)
def test_a_training_argument_must_be_what_the_harness_reads(good, declaration, accepted):
    name = declaration.partition(":")[0]
    source = good.replace("    *,\n", f"    *,\n    {declaration},\n")
    source = source.replace(
        "        width: units", f"        {name}: as the harness reads it\n        width: units"
    )
    candidate, findings = read_candidate(source, name="c01", author="test")
    assert (candidate is not None) == accepted
    assert [finding.rule for finding in findings] == ([] if accepted else ["training-argument"])


def test_every_training_argument_of_the_design_is_known():
    names = (
        "batch_size max_epochs patience lr_schedule warmup_fraction gradient_clip label_smoothing ema_decay"
    )
    assert set(TRAINING_ARGUMENTS) == {*names.split(), "loss", "target_transform", "precision"}
    assert TRAINING_ARGUMENTS["loss"] == OneOf(options=("mse", "mae", "huber"))


def test_a_docstring_is_read_with_types_sections_and_continued_lines():
    described = read_docstring(
        "\nTitle of it.\n\nArgs:\n    a (int): first\n        line two: still a\n\n    b: second\n"
        "Returns:\n    c: no"
    )
    assert described.title == "Title of it."
    assert described.arguments == {"a": "first line two: still a", "b": "second"}


def test_what_a_docstring_says_is_one_plain_line_of_bounded_length():
    described = read_docstring("Title \x1b[31m\tred\n\nArgs:\n    a: " + "x" * 1000)
    assert described.title == "Title [31m red"
    assert len(described.arguments["a"]) == MAX_DESCRIPTION


@pytest.mark.parametrize(
    "body",
    [
        "Parameters\n----------\nwidth : int, optional\n    Units of it.\ndropout : float\n    Share.\n\n"
        "Returns\n-------\ntuple\n    c: no",
        "Args:\n    - width: Units of it.\n    - dropout (float): Share.",
        "Args:\n    `width`: Units\n      of it.\n    **dropout**: Share.",
        "Args:\n* `width` (int, log (base 2)): Units of it.\n* dropout - Share.",
        "**Args:**\n    width:\n        Units of it.\n    dropout [0, 1]: Share.",
        ":param width: Units\n    of it.\n:param float dropout: Share.\n:returns: two",
        "Hyperparameters:\nwidth: Units of it.\ndropout — Share.\nReturns:\n    c: no",
        "Other Parameters\n================\nwidth\n    Units of it.\ndropout: Share.",
    ],
)
def test_common_ways_to_describe_arguments_are_read(body):
    described = read_docstring(f"Title of it.\n\n{body}")
    assert described.title == "Title of it."
    assert described.arguments == {"width": "Units of it.", "dropout": "Share."}


def test_prose_describes_no_argument():
    text = "Title.\n\nwidth: not in a section\n\nReturns:\n    model: no\n\nThe width - of it."
    assert read_docstring(text).arguments == {}


def test_two_argument_sections_are_joined():
    described = read_docstring("Title.\n\nArgs:\n    a: one\n\nHyperparameters:\n    b: two")
    assert described.arguments == {"a": "one", "b": "two"}
