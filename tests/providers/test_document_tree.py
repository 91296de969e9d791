"""XML files, and archives of JSON files, as trees."""

import json
from io import BytesIO
from zipfile import ZipFile

import pytest

from merlin.providers.document_child import UnreadableDocument
from merlin.providers.document_tree import read_xml, read_zip

pytestmark = pytest.mark.unit


def pack(**files):
    """Return an archive with these files, in which "_" stands for the full stop of a name."""
    content = BytesIO()
    with ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "."), text)
    return content.getvalue()


def test_elements_have_their_text_attributes_lines_and_children():
    content = '<?xml version="1.0"?><a b="1">ё\n<c>x</c><!-- n --><c/></a>'.encode()
    read, is_cut = read_xml(content, 1000)
    children = [{"#": "x", "@line": 2}, {"#": "", "@line": 2}]
    assert json.loads(read) == {"a": {"@b": "1", "#": "ё\n", "@line": 1, "c": children}}
    assert not is_cut


def test_json_files_of_an_archive_are_read_by_name():
    content = pack(a_json='{"k": "ё"}', b_txt="not JSON", c_json="[1]")
    assert json.loads(read_zip(content, 1000)[0]) == {
        "a.json": {"k": "ё"},
        "c.json": [1],
    }


@pytest.mark.parametrize(
    ("read", "content", "reason"),
    [
        (read_xml, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "damaged"),
        (read_xml, b"<a>" + b"x" * 100 + b"</a>", "too-long"),
        (read_zip, pack(a_json='"' + "x" * 150 + '"'), "too-long"),
        (read_zip, pack(a_json='"' + "x" * 300 + '"'), "bomb"),
    ],
)
def test_what_is_too_long_or_may_expand_is_refused(read, content, reason):
    with pytest.raises(UnreadableDocument) as caught:
        read(content, 100)
    assert caught.value.reason == reason
