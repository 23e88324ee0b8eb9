import os
import time

import psutil
import pytest

from soundstage import untrusted_xml
from soundstage.untrusted_xml import XmlFaultError, parse


def file(tmp_path, text):
    path = tmp_path / "a.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def fault(path):
    with pytest.raises(XmlFaultError) as caught:
        parse(path)
    return caught.value


def test_a_tree(tmp_path):
    text = '<?xml version="1.0"?>\n<Root>\n<a_B x_Y="1">2<c/>3</a_B><a value="5"/>'
    text += "\n<d><a>6</a></d></Root>"
    root = parse(file(tmp_path, text)).children[0]
    assert (root.name, root.line) == ("root", 2)
    first = root.child("ab")
    assert (first.attributes, first.text, first.line) == ({"xy": "1"}, "23", 3)
    assert [a.number() for a in root.all("a")] == [5, 6]
    assert root.child("e") is None


def test_long_text_in_pieces(tmp_path):
    text = "<a>" + "<b/>x" * 20_000 + "</a>"
    assert parse(file(tmp_path, text)).children[0].text == "x" * 20_000


ENCODINGS = ["utf-8", "UTF-8", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1", "windows-1252"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings(tmp_path, encoding):
    said = "utf-16" if encoding.startswith("utf-16") else encoding
    text = f'<?xml version="1.0" encoding="{said}"?><a>é</a>'.encode(encoding)
    assert parse(file(tmp_path, text)).children[0].text == "é"


@pytest.mark.parametrize("before", ["", "\ufeff"])
def test_without_a_word_it_is_utf_8(tmp_path, before):
    assert parse(file(tmp_path, f"{before}<a>é</a>")).children[0].text == "é"


@pytest.mark.parametrize(
    "said", ["utf-7", "idna", "hex", "rot13", "undefined", "cp037", "ucs-4", "x" * 99, "utf-16"]
)
def test_other_encodings_are_refused(tmp_path, said):
    found = fault(file(tmp_path, f'<?xml version="1.0" encoding="{said}"?><a/>'))
    assert (found.reason, found.line) == ("encoding", 1)
    assert "save it as UTF-8" in str(found)


@pytest.mark.parametrize("text", [b"<a>\xff</a>", b"\xff\xfe<\0a\0/", b"\xef\xbb\xbf<a>\xe9</a>"])
def test_bytes_of_another_encoding_are_refused(tmp_path, text):
    assert fault(file(tmp_path, text)).reason == "encoding"


QUOTES = '""'
DOCTYPES = [
    "<!DOCTYPE a>",
    '<!DOCTYPE a [<!ENTITY b "c">]>',
    '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://localhost/b"> %b;]>',
    '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;&b;">]>',
    '<!DOCTYPE a SYSTEM "b.dtd">',
    '<!DOCTYPE a [<!ATTLIST a b CDATA "c">]>',
    "<!DOCTYPE",
]


@pytest.mark.parametrize("doctype", DOCTYPES)
@pytest.mark.parametrize("before", ["", '<?xml version="1.0"?>\n', "<!-- > -->\n<?b c?> <!--d-->"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused(tmp_path, doctype, before, encoding):
    found = fault(file(tmp_path, f"{before}{doctype}<a>&b;</a>".encode(encoding)))
    assert (found.reason, found.line) == ("unsafe", 1 + before.count("\n"))
    assert "take it out" in str(found)


def test_a_document_type_that_is_none_is_not(tmp_path):
    text = "<!-- <!DOCTYPE a> --><?b <!DOCTYPE a>?><a><![CDATA[<!DOCTYPE a>]]></a>"
    assert parse(file(tmp_path, text)).children[0].text == "<!DOCTYPE a>"


@pytest.mark.parametrize(
    "text",
    [
        # 74 kB, of which default attributes would make 1.7 GB
        "<!DOCTYPE a [<!ATTLIST b "
        + " ".join(f'c{i} CDATA "{"d" * 20}"' for i in range(1000))
        + ">]><a>"
        + "<b/>" * 10_000
        + "</a>",
        # definitions that each look through all before them
        "<!DOCTYPE a [<!ATTLIST a "
        + " ".join(f'b{i} CDATA ""' for i in range(500_000))
        + ">]><a/>",
        # what stands before the root is looked through once
        "<!---->" * 2_000_000 + "<a",
        "<!-- " * 2_000_000,
        '<?xml version="1.0" ' * 1_000_000,
    ],
    ids=["default attributes", "definitions", "comments", "open comments", "declarations"],
)
def test_no_bomb_goes_off(tmp_path, text):
    path = file(tmp_path, text)
    before, memory = time.process_time(), psutil.Process().memory_info().rss
    fault(path)
    assert time.process_time() - before < 5
    assert psutil.Process().memory_info().rss - memory < 2**28


def test_predefined_entities_are_not(tmp_path):
    assert parse(file(tmp_path, "<a>&lt;&#65;&amp;</a>")).children[0].text == "<A&"


@pytest.mark.parametrize(
    "text", ["", "no", "<a>", "<a></b>", "<a/><b/>", b"\x00\x01", "<a>&b;</a>"]
)
def test_not_xml(tmp_path, text):
    assert fault(file(tmp_path, text)).reason == "not_xml"


def test_the_line_is_named(tmp_path):
    assert fault(file(tmp_path, "<a>\n\n<b></c></a>")).line == 3


def test_limits(tmp_path, monkeypatch):
    deep = untrusted_xml.MAX_DEPTH
    parse(file(tmp_path, "<a>" * deep + "</a>" * deep))
    assert fault(file(tmp_path, "<a>" * 100_000)).reason == "too_large"
    monkeypatch.setattr(untrusted_xml, "MAX_ELEMENTS", 10)
    parse(file(tmp_path, "<a>" + "<b/>" * 9 + "</a>"))
    assert fault(file(tmp_path, "<a>" + "<b/>" * 10 + "</a>")).reason == "too_large"
    monkeypatch.setattr(untrusted_xml, "MAX_BYTES", 5)
    assert fault(file(tmp_path, "<abc/>")).reason == "too_large"


def test_only_regular_files(tmp_path):
    assert fault(tmp_path / "none.xml").reason == "missing"
    assert fault(tmp_path).reason == "not_a_file"
    os.mkfifo(tmp_path / "pipe.xml")
    assert fault(tmp_path / "pipe.xml").reason == "not_a_file"


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "1e400", "1e13", "1,5"])
def test_no_number(text):
    with pytest.raises(XmlFaultError, match="is not a number") as caught:
        untrusted_xml.number(text, 7)
    assert (caught.value.reason, caught.value.line) == ("bad_value", 7)
