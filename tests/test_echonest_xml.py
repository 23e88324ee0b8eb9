import contextlib

import numpy as np
import pytest

from soundstage.dsp import events
from soundstage.echonest_xml import RejectedAnalysisError, read
from soundstage.errors import SoundstageError
from soundstage.features.echonest import COLUMNS, echonest

PITCHES = np.linspace(0, 1, 12)
TIMBRE = np.linspace(-100, 60, 12)


def twelve(name, values):
    return "".join(f"<{name}>{value}</{name}>" for value in values)


def segment(start, duration, pitch="pitch"):
    return f"""
    <segment start="{start}" duration="{duration}">
      <loudness><dB time="0">-60.0</dB><dB type="max" time="0.11">-{10 + start}</dB></loudness>
      <pitches>{twelve(pitch, PITCHES)}</pitches>
      <timbre>{twelve("coeff", TIMBRE)}</timbre>
    </segment>"""


def bar(*beats):
    inside = "".join(f"<beat><tatum>{t}</tatum><tatum>{t + 0.25}</tatum></beat>" for t in beats)
    return f'<bar confidence="0.7">{inside}</bar>'


ANALYSIS = f"""<?xml version="1.0" encoding="UTF-8"?>
<analysis_of_a_clip>
  <track duration="3.0" loudness="-9.25" tempo="119.9" tempoConfidence="0.6" timeSignature="2"
         timeSignatureConfidence="0.9" key="5" keyConfidence="0.3" mode="1" modeConfidence="0.4">
    <section start="0.0" duration="2.0"/>
    <section start="2.0" duration="1.0"/>
    {bar(0.5, 1.0)}
    {bar(1.5, 2.0)}
    {segment(0.0, 1.25)}
    {segment(1.25, 1.75, pitch="coeff")}
  </track>
</analysis_of_a_clip>"""


def file(tmp_path, text):
    path = tmp_path / "clip.mp3.xml"
    path.write_text(text)
    return path


def column(found, level, name):
    return events.column(found, level, name).tolist()


def test_an_analysis(tmp_path):
    found = read(file(tmp_path, ANALYSIS))
    assert found.dtype == np.float32
    assert found.shape == (11, len(events.COLUMNS))
    track = {name: column(found, "track", name)[0] for name in ("duration", *events.TRACK)}
    assert track == pytest.approx(
        {
            "duration": 3,
            "loudness": -9.25,
            "tempo": 119.9,
            "tempo_confidence": 0.6,
            "key": 5,
            "key_confidence": 0.3,
            "mode": 1,
            "mode_confidence": 0.4,
            "time_signature": 2,
            "time_signature_confidence": 0.9,
        }
    )
    assert column(found, "section", "start") == [0, 2]
    assert column(found, "section", "duration") == [2, 1]
    assert column(found, "bar", "start") == [0.5, 1.5]
    assert column(found, "bar", "duration") == [1, 1]
    np.testing.assert_allclose(column(found, "bar", "confidence"), 0.7, rtol=1e-6)
    assert column(found, "beat", "start") == [0.5, 1, 1.5, 2]
    assert column(found, "beat", "duration") == [0.5] * 4
    assert column(found, "segment", "start") == [0, 1.25]
    assert column(found, "segment", "loudness_start") == [-60, -60]
    assert column(found, "segment", "loudness_max") == [-10, -11.25]
    np.testing.assert_allclose(column(found, "segment", "loudness_max_time"), 0.11, rtol=1e-6)
    for i in range(12):
        np.testing.assert_allclose(column(found, "segment", f"pitch_{i}"), PITCHES[i], rtol=1e-6)
        np.testing.assert_allclose(column(found, "segment", f"timbre_{i}"), TIMBRE[i], rtol=1e-6)


def test_it_is_summarised_as_any_other(tmp_path):
    row = dict(zip(COLUMNS, echonest(read(file(tmp_path, ANALYSIS)), 22050), strict=True))
    assert np.isfinite(list(row.values())).all()
    assert row["n_beats"] == 4
    assert row["timbre_0_mean"] == -100


@pytest.mark.parametrize(
    "track",
    [
        '<track duration="3" tempo="90" tempo_confidence="0.5" key="2"></track>',
        '<track duration="3"><tempo confidence="0.5">90</tempo><key>2</key></track>',
        '<track><duration>3</duration><tempo value="90"/><tempoConfidence>0.5</tempoConfidence>'
        "<key>2</key></track>",
        '<e:track xmlns:e="urn:e" duration="3" tempo="90" TempoConfidence="0.5" key="2"/>',
    ],
)
def test_the_same_in_other_words(tmp_path, track):
    for text in (track, f"<a><b>{track}</b></a>"):
        found = read(file(tmp_path, text))
        names = ("duration", "tempo", "tempo_confidence", "key")
        assert [column(found, "track", name)[0] for name in names] == [3, 90, 0.5, 2]
        assert np.isnan(column(found, "track", "mode")[0])


def test_segments_in_other_words(tmp_path):
    values = " ".join(str(value) for value in PITCHES)
    text = f"""<track duration="2"><segments><segment>
      <start>0.5</start><loudnessStart>-50</loudnessStart><loudness_max>-5</loudness_max>
      <loudnessMaxTime>0.1</loudnessMaxTime><pitches>{values}</pitches></segment></segments>
      <beats><beat start="1.5"/><beat start="0.5"/><beat start="1"/></beats></track>"""
    found = read(file(tmp_path, text))
    names = ("start", "duration", "loudness_start", "loudness_max", "loudness_max_time")
    values = [column(found, "segment", name)[0] for name in names]
    assert values == pytest.approx([0.5, 1.5, -50, -5, 0.1])
    assert column(found, "segment", "pitch_11") == [1]
    assert np.isnan(column(found, "segment", "timbre_0")).all()
    assert column(found, "beat", "start") == [0.5, 1, 1.5]
    assert column(found, "beat", "duration") == [0.5, 0.5, 0.5]


def test_the_last_event_ends_with_the_track(tmp_path):
    text = '<track duration="1.7"><beat>0.5</beat><beat>1</beat><beat>1.5</beat></track>'
    durations = column(read(file(tmp_path, text)), "beat", "duration")
    assert durations == pytest.approx([0.5, 0.5, 0.2])


@pytest.mark.parametrize(
    ("text", "reason", "message"),
    [
        ("<analysis/>", "no_track", "no <track>"),
        ('<Analysis><Track duration="3"/></Analysis>', "no_track", "version 3"),
        ("<track/>", "bad_value", "no duration"),
        ('<a>\n<track duration="long"/></a>', "bad_value", r"clip.mp3.xml:2: 'long' is not a num"),
        ('<track duration="3" tempo="nan"/>', "bad_value", "'nan' is not a number"),
        ('<track duration="3"><beat/></track>', "bad_value", "<beat> has no time"),
        (ANALYSIS.replace("<coeff>60.0</coeff>", ""), "bad_value", "11 values in <timbre>"),
        (ANALYSIS[:-40], "not_xml", "not XML"),
        ('<!DOCTYPE track [<!ENTITY a "b">]><track duration="3"/>', "unsafe", "DOCTYPE"),
        (
            '<?xml version="1.0" encoding="utf-7"?><track duration="3"/>',
            "encoding",
            "xml:1: .*utf-7",
        ),
    ],
)
def test_refused_with_a_reason(tmp_path, text, reason, message):
    with pytest.raises(RejectedAnalysisError, match=message) as caught:
        read(file(tmp_path, text))
    assert caught.value.reason == reason
    assert isinstance(caught.value, SoundstageError)


def test_a_missing_file(tmp_path):
    with pytest.raises(RejectedAnalysisError, match="no such file") as caught:
        read(tmp_path / "none.xml")
    assert caught.value.reason == "missing"


@pytest.mark.parametrize("seed", range(200))
def test_whatever_it_holds_a_file_ends_no_run(tmp_path, seed):
    rng = np.random.default_rng(seed)
    content = bytearray(ANALYSIS.encode())
    for place in rng.integers(len(content), size=rng.integers(1, 5)):
        content[place] = rng.choice(bytearray(b"<>\"'/&=- 0e!?\0\xff"))
    path = tmp_path / "clip.mp3.xml"
    path.write_bytes(content)
    with contextlib.suppress(RejectedAnalysisError):
        assert read(path).shape[1] == len(events.COLUMNS)
