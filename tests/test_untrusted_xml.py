import os

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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_encodings(tmp_path, encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><a>é</a>'.encode(encoding)
    assert parse(file(tmp_path, text)).children[0].text == "é"


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        '<!DOCTYPE a [<!ENTITY b "c">]><a/>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://localhost/b"> %b;]><a/>',
        '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;&b;">]><a e="&d;"/>',
        '<!DOCTYPE a SYSTEM "b.dtd"><a>&b;</a>',
    ],
)
def test_entities_are_refused(tmp_path, text):
    assert fault(file(tmp_path, text)).reason == "unsafe"


def test_predefined_entities_are_not(tmp_path):
    assert parse(file(tmp_path, "<a>&lt;&#65;&amp;</a>")).children[0].text == "<A&"


@pytest.mark.parametrize(
    "text", ["", "no", "<a>", "<a></b>", "<a/><b/>", b"\x00\xff", "<a>&b;</a>"]
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
