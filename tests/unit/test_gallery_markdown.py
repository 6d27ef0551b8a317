"""The Markdown that studies write, as HTML."""

import pytest

from sightline.report.gallery.markdown import table_cells, to_html

TABLE = "Told above.\n\n| a | b |\n| :-- | --: |\n| x \\| y | **1** |\n| `c` | <i> |\n"


def test_tables_keep_alignment_escapes_and_bold():
    html = to_html(TABLE)
    assert html.startswith("<p>Told above.</p>")
    assert '<th scope="col">a</th><th scope="col" class="number">b</th>' in html
    assert '<td>x | y</td><td class="number"><strong>1</strong></td>' in html
    assert '<td><code>c</code></td><td class="number">&lt;i&gt;</td>' in html


def test_cells_of_the_first_table():
    assert table_cells(TABLE) == [["a", "b"], ["x | y", "**1**"], ["`c`", "<i>"]]
    assert table_cells("no table") == []


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# One\n\n## Two", "<h4>One</h4>\n<h5>Two</h5>"),
        ("> said\n> so", "<blockquote>said so</blockquote>"),
        ("- one\n  more\n- two", "<ul><li>one more</li><li>two</li></ul>"),
        ("```text\n<b>\n\n| x |\n```", "<pre>&lt;b&gt;\n\n| x |</pre>"),
        ("```\nnever closed", "<pre>never closed</pre>"),
        ("two\nlines", "<p>two lines</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("| no table", "<p>| no table</p>"),
        ("[a](javascript:x)", "<p>[a](javascript:x)</p>"),
        ("", ""),
    ],
)
def test_blocks(text, html):
    assert to_html(text) == html
