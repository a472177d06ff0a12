"""Code in colours: every text is escaped, Python or not."""

from codegen_hpo.report.highlight import highlighted


def test_code_has_colours() -> None:
    first, second = highlighted('def f(x: int) -> None:\n    return "a" + 1  # why')
    assert first == (
        '<span class="k">def</span> <span class="d">f</span>(x: <span class="b">int</span>) -&gt; '
        '<span class="n">None</span>:'
    )
    assert second.endswith(
        '<span class="s">&#34;a&#34;</span> + <span class="n">1</span>  <span class="c"># why</span>'
    )


def test_a_text_over_several_lines_is_coloured_in_each() -> None:
    lines = highlighted('x = """a\n<b>\nc"""\ny = 1')
    assert lines[1] == '<span class="s">&lt;b&gt;</span>'
    assert lines[2] == '<span class="s">c&#34;&#34;&#34;</span>'
    assert lines[3] == 'y = <span class="n">1</span>'


def test_what_is_no_python_is_escaped_without_colours() -> None:
    lines = highlighted("x = (\n<script>alert(1)</script>\n\x00\x1b[31m'''\n\tfoo\n  bar")
    assert all("<script" not in line for line in lines)
    assert "\x1b" not in "".join(lines)
    assert "&lt;" in lines[1]


def test_no_character_is_lost() -> None:
    source = "class A:\n\n    x = f'{1}' \\\n        + 'ü'\n# end\n"
    assert [line.striptags() for line in highlighted(source)] == [line.strip() for line in source.split("\n")]
