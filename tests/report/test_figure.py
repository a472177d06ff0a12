"""Figures: reproducible, in the colours of the page, and with foreign names as text."""

import xml.etree.ElementTree as ET

import pytest
from markupsafe import Markup

from codegen_hpo.report.figure import SERIES, draw, label, limits

HOSTILE = ["<script>x</script>", r"$\frac{$", '"><g onload="x">', "日本語 \x00\u202e", "a]]>b--><!--"]


def _figure(name: str = "A figure") -> Markup:
    def plot(axes) -> None:  # type: ignore[no-untyped-def]
        for number, text in enumerate(HOSTILE):
            axes.plot([0, 1], [0, number], "o-", color=SERIES[number], label=label(text))
        axes.set(xlabel=label(HOSTILE[0]), ylabel=label(HOSTILE[1]))
        axes.legend()

    return draw(name, plot)


def test_the_same_figure_is_the_same_text() -> None:
    assert _figure() == _figure()


def test_foreign_names_are_text_and_the_figure_is_well_formed() -> None:
    svg = ET.fromstring(str(_figure(HOSTILE[2])).replace("<svg ", '<svg xmlns:xlink="x" ', 1))
    assert not [node.tag for node in svg.iter() if "script" in node.tag]
    assert not [name for node in svg.iter() for name in node.attrib if name.startswith("on")]
    assert svg.attrib["aria-label"] == HOSTILE[2]
    assert "".join(svg.itertext()).count(HOSTILE[0]) == 2


def test_a_figure_has_the_colours_of_the_page_and_no_ids_of_its_own() -> None:
    text = str(_figure())
    assert "var(--series0)" in text
    assert "#0102" not in text
    assert "<text" in text
    assert "<g id=" not in text
    assert "<metadata" not in text


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_an_axis_of_one_value_has_a_width(value: float) -> None:
    low, high = limits([value] * 4)
    assert low < value < high


def test_one_far_value_does_not_stretch_an_axis() -> None:
    assert limits([1.0, 1.1, 1.2, 1.3, 1000.0])[1] < 2.0
    assert limits([1.0, 1.1, 1.2, 1.3, 1000.0], keep=1000.0)[1] > 1000.0
