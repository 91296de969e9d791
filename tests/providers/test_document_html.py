"""HTML pages as outlines."""

import json

import pytest

from merlin.providers.document_child import UnreadableDocument
from merlin.providers.document_html import read_html
from tests.support.refusals import catch

pytestmark = pytest.mark.unit


def read(html):
    return json.loads(read_html(html.encode(), 100_000)[0])


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h1>One <em>two</em></h1><h3>Three</h3>", [(1, "One two"), (3, "Three")]),
        ("<p>a<br>b</p>loose <b>text</b><p>c", [(0, "a b"), (0, "loose text"), (0, "c")]),
        ("<ul><li>a<li><p>b</p><p>c</p></ul>", [(0, "- a"), (0, "- b"), (0, "c")]),
        ("<ol start=3><li>a<li>b</ol>", [(0, "3. a"), (0, "4. b")]),
        ("<ul><li>a<ul><li>b</ul></ul>", [(0, "- a"), (0, "- b")]),
        ("<dl><dt>a<dd>b</dl>", [(7, "a"), (0, "b")]),
        ("<details><summary>a</summary>b</details>", [(7, "a"), (0, "b")]),
        ("<pre>a\n  b</pre>", [(0, "```\na\n  b\n```")]),
        ("<p>10<sup>3</sup> H<sub>2</sub>O", [(0, "10³ H₂O")]),
        ("<p><code>a</code> <a href=https://b.example>c</a> <a href=/d>e</a>",
         [(0, "`a` [c](https://b.example) e")]),
        ("<div>a<div>b</div></div>", [(0, "a"), (0, "b")]),
        ("<p>ёж</p>", [(0, "ёж")]),
    ],
)  # fmt: skip
def test_elements_become_blocks(html, expected):
    assert [(level, text) for _, level, text, _ in read(html)["blocks"]] == expected


@pytest.mark.parametrize(
    ("html", "rows"),
    [
        ("<tr><th>a<th>b<tr><td>c<td><p>d</p><p>e</p>", [["a", "b"], ["c", "d e"]]),
        ("<tr><td colspan=2>a<td>b", [["a", "", "b"]]),
        ("<tr><td rowspan=2>a<td>b<tr><td>c", [["a", "b"], ["a", "c"]]),
        ("<tr><td>a<td rowspan=2>b<tr><td>c<tr><td>d", [["a", "b"], ["c", "b"], ["d"]]),
        ("<tr><td rowspan=x colspan=0>a<tr>", [["a"]]),
    ],
)
def test_table_has_its_cells_where_people_see_them(html, rows):
    found = read(f"<table>{html}</table>")["blocks"]
    assert [cells for *_, cells in found] == rows


def test_table_that_arranges_a_page_is_none():
    found = read("<table><caption>a</caption><tr><td>b</table>")["blocks"]
    assert [text for _, _, text, _ in found] == ["a", "b"]
    found = read("<table><tr><td><h2>a</h2>b<td><p>c</table>")["blocks"]
    assert [(level, text) for _, level, text, _ in found] == [
        (2, "a"),
        (0, "b"),
        (0, "c"),
    ]


@pytest.mark.parametrize(
    ("html", "left"),
    [
        ("<nav>x</nav><aside>x</aside><footer>x</footer>", {"navigation": 3}),
        ("<img src=x><svg></svg><video></video>", {"pictures": 3}),
        ("<del>x</del><s>x</s>", {"struck": 2}),
        ("<p hidden>x</p><p style='display: none'>x</p>", {"hidden-texts": 2}),
        ("<script>x</script><style>x</style><button>x</button><!-- x -->", {}),
    ],
)
def test_what_is_left_out_is_counted(html, left):
    found = read(f"<body><p>a{html}</p>{html}")
    assert [text for _, _, text, _ in found["blocks"]] == ["a"]
    assert found["left"] == {kind: 2 * count for kind, count in left.items()}


def test_only_the_main_part_of_a_page_is_read_if_it_has_one():
    assert len(read("<p>a<main><p>b</main>")["blocks"]) == 1
    assert len(read("<p>a<article><p>b</article>")["blocks"]) == 1
    assert len(read("<p>a<article><p>b</article><article>c</article>")["blocks"]) == 3


@pytest.mark.parametrize(
    ("html", "most", "reason"),
    [("<p> </p><img src=x>", 1000, "no-text"), ("<p>word", 20, "too-long")],
)
def test_unusable_page_is_refused(html, most, reason):
    found = catch(UnreadableDocument, read_html, html.encode(), most)
    assert found.reason == reason
