"""Pages of PDF files as outlines: reading order, tables, headings, and what is said of each."""

import json

import pytest

from merlin.providers.document_child import UnreadableDocument
from merlin.providers.document_columns import are_prose, read_rows, split_bands
from merlin.providers.document_pages import read_pages
from tests.support.refusals import catch
from tests.support.sample_documents import edit_pdf, make_pdf, place_lines, place_texts

pytestmark = pytest.mark.unit

LEFT = """The first column of this page says
what the pump does and how it was
built by the people of the works,
who wrote these lines for others."""
RIGHT = """A second column stands beside the
first one and must be read after it,
since nobody reads across the gap
between the two of them on a page."""
TABLE = [("Mode", "Least", "Most"), ("Summer", "12", "40"), ("Winter", "7", "31")]


def read(*pages, **options):
    return json.loads(read_pages(place_texts(*pages, **options), 100_000)[0])


def texts(found):
    return [block[2] for block in found["blocks"]]


def joined(text):
    return text.replace("\n", " ")


def place_table(y):
    return [
        (60 + 120 * column, y - 20 * row, cell)
        for row, cells in enumerate(TABLE)
        for column, cell in enumerate(cells)
    ]


def test_columns_are_read_one_after_another_and_their_page_is_named():
    columns = [*place_lines(50, 700, LEFT), *place_lines(320, 700, RIGHT)]
    found = read([(50, 750, "Plain")], columns)
    assert texts(found) == ["Plain", joined(LEFT), joined(RIGHT)]
    assert found["pages"] == {"columns": [2]}


def test_lines_that_the_file_has_across_are_read_by_columns_too():
    both = zip(place_lines(50, 700, LEFT), place_lines(320, 700, RIGHT), strict=True)
    found = read([line for pair in both for line in pair])
    assert texts(found) == [joined(LEFT), joined(RIGHT)]


def test_text_below_the_columns_is_read_after_both():
    below = [(50, 600, "Below both of them.")]
    columns = [*place_lines(50, 700, LEFT), *place_lines(320, 700, RIGHT)]
    assert texts(read([*columns, *below])) == [
        joined(LEFT),
        joined(RIGHT),
        "Below both of them.",
    ]


def test_longer_left_column_is_read_before_the_right_one_if_the_file_has_it_so():
    left = [*place_lines(50, 700, LEFT), (50, 600, "More of the left.")]
    right = place_lines(320, 700, RIGHT)
    assert texts(read([*left, *right])) == [
        joined(LEFT),
        "More of the left.",
        joined(RIGHT),
    ]


@pytest.mark.parametrize(
    ("above", "below", "count"),
    [
        ("It goes", "on here.", 1),
        ("It ends.", "e.g. here.", 2),
        ("It goes", "On here.", 2),
    ],
)
def test_gap_in_a_sentence_ends_no_paragraph(above, below, count):
    assert len(texts(read([(50, 700, above), (50, 660, below)]))) == count


def test_table_has_its_cells_and_the_text_around_it_stays_text():
    found = read([(50, 760, "Before."), *place_table(720), (50, 620, "After.")])
    assert [block[3] for block in found["blocks"]] == [[], *map(list, TABLE), []]
    assert texts(found) == ["Before.", *map(" | ".join, TABLE), "After."]
    assert found["pages"] == {}


def test_larger_and_bold_lines_are_headings_by_their_size():
    found = read(
        [
            (50, 760, "Pumps", 20),
            (50, 730, "Parts", 14),
            *place_lines(50, 700, LEFT),
            (50, 620, "Note", 11, "Helvetica-Bold"),
            (50, 600, "It ends here."),
            (50, 570, "A bold sentence is none.", 11, "Helvetica-Bold"),
        ]
    )
    assert [(level, text) for _, level, text, _ in found["blocks"]] == [
        (1, "Pumps"),
        (2, "Parts"),
        (0, joined(LEFT)),
        (3, "Note"),
        (0, "It ends here."),
        (0, "A bold sentence is none."),
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("The hydro-\nstatic head", ["The hydrostatic head"]),
        ("See 2024-\n2025", ["See 2024- 2025"]),
        ("one\n\x95 two\n\x95 three", ["one", "- two", "- three"]),
        ("1. one\n2. two\nmore", ["1. one", "2. two more"]),
        ("one\n  indented", ["one", "indented"]),
    ],
)
def test_lines_become_paragraphs(lines, expected):
    lines = lines.encode("latin-1").decode("cp1252")
    placed = [
        (50 + 8 * (len(line) - len(line.lstrip())), y, line.strip(), size, font)
        for _, y, line, size, font in place_lines(50, 700, lines)
    ]
    assert texts(read([each for each in placed if each[2]])) == expected


def test_program_keeps_its_lines():
    code = place_lines(50, 650, "def f(x):\n    return 2", font="Courier")
    found = texts(read([*place_lines(50, 750, LEFT), *code]))
    assert found == [joined(LEFT), "```\ndef f(x):\n    return 2\n```"]


def test_what_most_pages_begin_or_end_with_is_left_out_and_counted():
    pages = [
        [(50, 780, "Lecture 7"), (50, 700, f"{name}."), (300, 20, f"{at}")]
        for at, name in enumerate(("One", "Two", "Three", "Four"), start=1)
    ]
    found = read(*pages)
    assert texts(found) == ["One.", "Two.", "Three.", "Four."]
    assert [block[0] for block in found["blocks"]] == [1, 2, 3, 4]
    assert found["left"] == {"pictures": 0, "running-lines": 8}
    assert read(*pages[:3])["left"]["running-lines"] == 0


def test_scanned_and_unreadable_pages_are_named():
    found = json.loads(read_pages(make_pdf("one", None, "", "two"), 10_000)[0])
    assert (texts(found), found["pages"]) == (["one", "two"], {"scanned": [2]})
    head, _, tail = make_pdf("one", "two", compressed=True).rpartition(b"/FlateDecode")
    found = json.loads(read_pages(head + b"/OtherDecode" + tail, 10_000)[0])
    assert (texts(found), found["pages"]) == (["one"], {"unread": [2]})


def test_page_whose_font_has_no_letters_is_named():
    found = json.loads(read_pages(make_pdf("one", "\ue001\ue002\ue003"), 10_000)[0])
    assert (texts(found), found["pages"]) == (["one"], {"unread": [2]})


def test_turned_page_is_read_in_the_order_of_the_file_and_named():
    found = read([(300, 200, "One turned."), (320, 200, "Two turned.")], rotate=1)
    assert found["pages"] == {"turned": [1]}
    assert "One turned." in " ".join(texts(found))
    assert "Two turned." in " ".join(texts(found))


@pytest.mark.parametrize(
    ("content", "most", "reason"),
    [
        (make_pdf(None, None), 10_000, "no-text"),
        (make_pdf("word"), 50, "too-long"),
        (edit_pdf(make_pdf("a"), lambda pdf: pdf.encrypt("x")), 10_000, "password"),
    ],
)
def test_unusable_file_is_refused(content, most, reason):
    assert catch(UnreadableDocument, read_pages, content, most).reason == reason


def draw(text):
    return text.strip("\n").split("\n")


def draw_both():
    pairs = zip(draw(LEFT), draw(RIGHT), strict=True)
    return [f"{one:<40}{two}" for one, two in pairs]


@pytest.mark.parametrize("higher", [f"{'':<40}A right line", "A left line"])
def test_band_ends_at_a_line_across_and_one_column_may_begin_higher(higher):
    lines = [higher, *draw_both(), "across all columns of the page " * 2]
    assert [(len(band), starts) for band, starts in split_bands(lines)] == [
        (5, [40]),
        (1, []),
    ]
    apart = [higher, "", *lines[1:]]
    assert [len(band) for band, _ in split_bands(apart)] == [2, 4, 1]


def test_single_line_with_a_gap_is_no_band():
    assert [*split_bands(["left      right"])] == [(["left      right"], [])]


def test_table_with_other_columns_below_is_another_one():
    lines = draw("""
a      b      c
d      e      f

long cell one   g
long cell two   h
""")
    assert [starts for _, starts in split_bands(lines)] == [[7, 14], [16]]


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        ("a         1\nb         2", [["a", "1"], ["b", "2"]]),
        ("One       two\n          more\nThree     four", [["One", "two more"], ["Three", "four"]]),
        ("One word  two\nand more  too", [["One word and more", "two too"]]),
        ("One word  two\n\nand more  too", [["One word", "two"], ["and more", "too"]]),
        ("One word  two\nAnd more  too", [["One word", "two"], ["And more", "too"]]),
        ("One word  2\nand more  2 %", [["One word", "2"], ["and more", "2 %"]]),
        ("One       two\nand more  too", [["One", "two"], ["and more", "too"]]),
    ],
)  # fmt: skip
def test_row_of_a_table_goes_on_where_its_first_cell_does(lines, rows):
    assert [*read_rows(draw(lines), [10])] == rows


def test_prose_has_lines_of_words_and_a_table_rows():
    prose = [
        f"{one:<40}{two}" for one, two in zip(draw(LEFT), draw(RIGHT), strict=True)
    ]
    assert are_prose(prose, [40])
    assert not are_prose(prose[:3], [40])
    assert not are_prose([f"{line:<40}12 34" for line in draw(LEFT)], [40])
    short = ["so it is here"] * 3 + ["one line that is much longer than the others are"]
    assert not are_prose([f"{line:<60}{line}" for line in short], [60])
    rows = [*prose[:2], "", *prose[2:]]
    assert not are_prose(rows, [40])
