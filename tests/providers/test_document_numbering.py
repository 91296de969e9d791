"""Numbers of paragraphs of DOCX files, as Word shows them."""

import json
from io import BytesIO

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from merlin.dataset.import_lines import read_import_files
from merlin.providers.document_docx import read_outline

pytestmark = pytest.mark.unit

W = nsdecls("w")


def number(document, number_id, *levels, overrides=""):
    """Add a list of these levels, each a format and a text, and a use of it by this number."""
    root = document.part.numbering_part.element
    shapes = "".join(
        f'<w:lvl w:ilvl="{at}"><w:start w:val="{start}"/><w:numFmt w:val="{shape}"/>'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
        for at, (shape, text, start) in enumerate(levels)
    )
    of = f'w:abstractNumId="{number_id}"'
    root.append(parse_xml(f"<w:abstractNum {W} {of}>{shapes}</w:abstractNum>"))
    use(document, number_id, number_id, overrides)


def use(document, number_id, list_id, overrides=""):
    document.part.numbering_part.element.append(
        parse_xml(
            f'<w:num {W} w:numId="{number_id}"><w:abstractNumId w:val="{list_id}"/>'
            f"{overrides}</w:num>"
        )
    )


def add(document, text, number_id, level=0, style=None):
    paragraph = document.add_paragraph(text, style=style)
    properties = paragraph._p.get_or_add_pPr().get_or_add_numPr()
    properties.get_or_add_numId().val = number_id
    properties.get_or_add_ilvl().val = level


def save(document):
    content = BytesIO()
    document.save(content)
    return content.getvalue()


def texts(document):
    return [
        block[2]
        for block in json.loads(read_outline(save(document), 10_000)[0])["blocks"]
    ]


@pytest.mark.parametrize(
    ("shape", "labels"),
    [
        ("decimal", "3) 4)"),
        ("decimalZero", "03) 04)"),
        ("lowerRoman", "iii) iv)"),
        ("upperRoman", "III) IV)"),
        ("lowerLetter", "c) d)"),
        ("upperLetter", "C) D)"),
        ("russianLower", "в) г)"),
        ("russianUpper", "В) Г)"),
        ("cardinalText", "3) 4)"),
        ("none", ") )"),
        ("bullet", "- -"),
    ],
)
def test_paragraph_of_a_list_has_the_number_that_word_shows(shape, labels):
    document = docx.Document()
    number(document, 900, (shape, "%1)", 3))
    add(document, "a", 900)
    add(document, "b", 900)
    first, second = labels.split()
    assert texts(document) == [f"{first} a", f"{second} b"]


def test_letters_are_doubled_behind_the_last_one():
    document = docx.Document()
    number(document, 900, ("lowerLetter", "%1.", 26))
    add(document, "a", 900)
    add(document, "b", 900)
    assert texts(document) == ["z. a", "aa. b"]


def test_lower_level_begins_anew_below_each_higher_one():
    document = docx.Document()
    number(document, 900, ("decimal", "%1.", 1), ("decimal", "%1.%2.", 1))
    for text, level in (("a", 0), ("b", 1), ("c", 1), ("d", 0), ("e", 1)):
        add(document, text, 900, level)
    assert texts(document) == ["1. a", "1.1. b", "1.2. c", "2. d", "2.1. e"]


def test_lists_of_one_kind_count_on_unless_a_use_begins_anew():
    document = docx.Document()
    number(document, 900, ("decimal", "%1.", 1))
    use(document, 901, 900)
    use(
        document,
        902,
        900,
        '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>',
    )
    for text, number_id in (("a", 900), ("b", 901), ("c", 902), ("d", 902)):
        add(document, text, number_id)
    assert texts(document) == ["1. a", "2. b", "7. c", "8. d"]


def test_number_of_a_style_and_of_a_style_that_is_based_on_it_is_shown():
    document = docx.Document()
    document.add_paragraph("a", style="List Number")
    based = document.styles.add_style("Mine", 1)
    based.base_style = document.styles["List Number"]
    document.add_paragraph("b", style="Mine")
    document.add_paragraph("plain")
    assert texts(document) == ["1. a", "2. b", "plain"]


def test_level_of_a_style_is_the_one_that_names_it():
    document = docx.Document()
    number(document, 900, ("decimal", "%1.", 1), ("decimal", "%1.%2.", 1))
    lower = document.part.numbering_part.element.findall(".//{*}lvl")[-1]
    lower.insert(2, parse_xml(f'<w:pStyle {W} w:val="Mine"/>'))
    style = document.styles.add_style("Mine", 1)
    properties = style.element.get_or_add_pPr().get_or_add_numPr()
    properties.get_or_add_numId().val = 900
    add(document, "a", 900)
    document.add_paragraph("b", style="Mine")
    assert texts(document) == ["1. a", "1.1. b"]


def test_number_that_leads_to_no_list_is_none():
    document = docx.Document()
    add(document, "a", 0, style="List Number")
    add(document, "b", 999)
    assert texts(document) == ["a", "b"]


def test_import_keeps_numbers_of_answers_and_drops_those_of_questions():
    document = docx.Document()
    number(document, 900, ("decimal", "%1", 1), ("lowerLetter", "%2)", 1))
    for text, level in (
        ("How do I pay?", 0),
        ("By card", 1),
        ("In cash", 1),
        ("How do I send it back?", 0),
        ("By post", 1),
    ):
        add(document, text, 900, level)
    lines = [*read_import_files([(save(document), "faq.docx")])]
    assert [[each.content for each in line.example.messages] for line in lines] == [
        ["How do I pay?", "a) By card\n\nb) In cash"],
        ["How do I send it back?", "a) By post"],
    ]


def test_raised_and_lowered_digits_stay_so():
    document = docx.Document()
    paragraph = document.add_paragraph("10")
    paragraph.add_run("3").font.superscript = True
    paragraph.add_run(" H")
    paragraph.add_run("2").font.subscript = True
    assert texts(document) == ["10³ H₂"]
