"""The trees of XML files and of archives of JSON, read in the child process (`document_child`)."""

import json
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from lxml import etree  # type: ignore[import-untyped]

from merlin.providers.document_child import ExtractedText, UnreadableDocument


def read_xml(content: bytes, most_characters: int) -> ExtractedText:
    """Return an XML file as JSON: an element's text is under "#", its attributes under "@name".

    Raises UnreadableDocument, also for a file with a document type, which can have entities.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(content, parser)
    if root.getroottree().docinfo.doctype:
        raise UnreadableDocument("damaged")
    return _dump({root.tag: _element_tree(root)}, most_characters)


def _element_tree(element: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {f"@{key}": value for key, value in element.items()}
    tree |= {"#": element.text or "", "@line": element.sourceline}
    for child in element.iterchildren(etree.Element):
        tree.setdefault(child.tag, []).append(_element_tree(child))
    return tree


def read_zip(content: bytes, most_characters: int) -> ExtractedText:
    """Return the JSON files of an archive as a JSON object, by name.

    Raises UnreadableDocument, and for damaged files any exception of the libraries.
    """
    with ZipFile(BytesIO(content)) as archive:
        files = [each for each in archive.infolist() if each.filename.endswith(".json")]
        if sum(each.file_size for each in files) > most_characters * 2:
            raise UnreadableDocument("bomb")
        trees = {each.filename: json.loads(archive.read(each)) for each in files}
    return _dump(trees, most_characters)


def _dump(tree: object, most_characters: int) -> ExtractedText:
    text = json.dumps(tree, ensure_ascii=False)
    if len(text) > most_characters:
        raise UnreadableDocument("too-long")
    return text, False
