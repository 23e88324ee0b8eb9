import datetime
import inspect
import random
import time

import polars as pl
import pytest

from soundstage import registry, tracks
from soundstage.datasets import table
from soundstage.errors import SoundstageError
from soundstage.params import Labels
from soundstage.tracks import SCHEMA

FILES = ["a.mp3", "b.mp3", "c/d.mp3", "c/=1+1.mp3"]


@pytest.fixture
def read(tmp_path):
    """Return a function that writes a table and reads its tracks."""

    def read(content, *, name="tracks.csv", files=FILES, **parameters):
        file = tmp_path / name
        if isinstance(content, pl.DataFrame):
            content.write_parquet(file)
        else:
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        found = table.tracks(files, {name: file}, table=name, **parameters)
        return tracks.settle(found, Labels())[0]

    return read


@pytest.fixture
def mistakes(read):
    """Return a function that reads a table and returns what the error says, line by line."""

    def mistakes(*content, **parameters):
        with pytest.raises(SoundstageError) as error:
            read(*content, **parameters)
        return [line.partition(": ")[2] for line in str(error.value).splitlines()]

    return mistakes


def test_columns_of_the_usual_names_need_no_parameters(read):
    found = read(
        "path,genre,artist,album,song,split\n"
        "c/d.mp3,rock,The Who,Tommy,Sparks,train\n"
        "a.mp3,pop,,One,,Validation\n"
        "b.mp3,pop,,,B,\n"
        "c/=1+1.mp3,=cmd|' /C calc'!A0,@SUM(A1),,,TEST\n"
    )
    names = ["track", "path", "genre", "tags", "group", "artist", "album", "song", "splits"]
    assert set(names) < set(found.columns)
    assert all(found.schema[name] == SCHEMA[name] for name in names)

    def given(part):
        return [{"split": "given", "part": part}]

    assert found.select(names).rows() == [
        ("c/d", "c/d.mp3", "rock", None, "The Who", "The Who", "Tommy", "Sparks", given("train")),
        ("a", "a.mp3", "pop", None, "One", None, "One", None, given("valid")),
        ("b", "b.mp3", "pop", None, "B", None, None, "B", []),
        ("c/=1+1", "c/=1+1.mp3", "=cmd|' /C calc'!A0", None, "@SUM(A1)", "@SUM(A1)", None, None,
         given("test")),
    ]  # fmt: skip


def test_without_more_than_a_label_the_group_is_the_file(read):
    found = read("path,genre\na.mp3,rock\n./c//d.mp3, pop \n")
    assert found.select("track", "path", "genre", "group").rows() == [
        ("a", "a.mp3", "rock", "a.mp3"),
        ("c/d", "c/d.mp3", "pop", "c/d.mp3"),
    ]
    assert found["splits"].null_count() == found["artist"].null_count() == 2


def test_columns_may_have_any_names(read):
    found = read(
        "id,file,style,who,genre\n7,a.mp3,rock,Who,x\n8,b.mp3,pop,Who,x\n",
        path="file", genre="style", artist="who", track="id",
    )  # fmt: skip
    assert found.select("track", "genre", "group").rows() == [
        ("7", "rock", "Who"),
        ("8", "pop", "Who"),
    ]


def test_a_group_of_its_own_comes_before_the_artist(read):
    found = read("path,genre,artist,group\na.mp3,x,Who,g\nb.mp3,x,Who,\n")
    assert found["group"].to_list() == ["g", "g"]
    found = read("path,genre,artist,group\na.mp3,x,Who,g\nb.mp3,x,Who,h\n")
    assert found["group"].to_list() == ["g", "h"]


def test_rows_without_an_artist_are_kept_with_their_albums_and_songs(read):
    found = read(
        "path,genre,artist,album,song\n"
        "a.mp3,x,The Who,Tommy,Sparks\n"
        "b.mp3,x,,Tommy,Amazing Journey\n"
        "c/d.mp3,x,,Live,Amazing Journey\n"
        "c/=1+1.mp3,x,,Live,\n"
        "e.mp3,x,Queen,Greatest Hits,Intro\n"
        "f.mp3,x,ABBA,Greatest Hits,Intro\n"
        "g.mp3,x,,,\n",
        files=[*FILES, "e.mp3", "f.mp3", "g.mp3"],
    )
    assert found["group"].to_list() == [*4 * ["The Who"], "Queen", "ABBA", "g.mp3"]


def test_several_labels_in_one_column(read):
    found = read("path,tags\na.mp3,rock| loud |rock\nb.mp3,\nc/d.mp3,slow\n")
    assert found["tags"].to_list() == [["rock", "loud"], [], ["slow"]]
    assert found["genre"].null_count() == 3
    found = read("path;labels\na.mp3;rock, loud\n", tags="labels", separator=",")
    assert found["tags"].to_list() == [["rock", "loud"]]


def test_labels_in_columns_of_their_own(read):
    text = (
        "clip_id\tguitar\tno vocals\tmp3_path\n2\t1\t0\ta.mp3\n6\t0\t0\tb.mp3\n9\t1\t1\tc/d.mp3\n"
    )
    columns = {"path": "mp3_path", "track": "clip_id"}
    found = read(text, tag_columns="*", **columns)
    assert found["tags"].to_list() == [["guitar"], [], ["guitar", "no vocals"]]
    assert found["track"].to_list() == ["2", "6", "9"]
    found = read(text, tag_columns="no vocals", **columns)
    assert found["tags"].to_list() == [[], [], ["no vocals"]]
    text = "path,a,b,n\na.mp3,True,false,7\nb.mp3,0.0,1.0,8\n"
    assert read(text, tag_columns="b|a")["tags"].to_list() == [["a"], ["b"]]


def test_parquet_holds_lists_numbers_and_booleans(read):
    content = pl.DataFrame(
        {
            "path": ["a.mp3", "b.mp3"],
            "tags": [["rock", "loud"], None],
            "genre": pl.Series(["x", None], dtype=pl.Categorical),
            "artist": [7, None],
            "album": [datetime.date(1969, 5, 23), None],
            "loud": [True, False],
            "soft": [0, 1],
            "embedding": [{"x": 1.0}, {"x": 2.0}],
        }
    )
    found = read(content, name="x.parquet")
    assert found.select("genre", "tags", "artist", "album", "group").rows() == [
        ("x", ["rock", "loud"], "7", "1969-05-23", "7"),
        (None, [], None, None, "b.mp3"),
    ]
    found = read(content.drop("tags", "genre"), name="x.parquet", tag_columns="loud|soft")
    assert found["tags"].to_list() == [["loud"], ["soft"]]


@pytest.mark.parametrize("encode", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_texts_as_other_programs_write_them(read, mistakes, encode, end):
    rows = ["path,genre,song", 'a.mp3,"rock, hard","one', 'two ""three"""', "", "b.mp3,Čoček,x", ""]
    found = read(end.join(rows).encode(encode))
    assert found["genre"].to_list() == ["rock, hard", "Čoček"]
    assert found["song"][0] == f'one{end}two "three"'
    rows[-1] = "none.mp3,pop,x"
    assert mistakes(end.join(rows).encode(encode)) == [
        "paths of no audio in the folder (1): line 6: 'none.mp3'"
    ]


def test_all_mistakes_are_told_at_once_with_their_lines(mistakes):
    said = mistakes(
        "path,genre,song,split\n"
        "a.mp3,,x,train\n"
        '"b.mp3",rock,"a\nb",trian\n'
        "../secret.mp3,rock,x,test\n"
        "/etc/passwd,rock,x,test\n"
        "C:\\music\\1.mp3,rock,x,test\n"
        ",rock,x,test\n"
        "./a.mp3,rock,x,holdout\n"
        + "".join(f"{i}.mp3,rock,x,\n" for i in range(7)),
        artist="sonk",
    )  # fmt: skip
    assert said == [
        "no column 'sonk' (`artist`) (separated by ','); did you mean 'song'?",
        "paths that leave the folder, or none (4): line 5: '../secret.mp3', line 6: '/etc/passwd', "
        "line 7: 'C:\\\\music\\\\1.mp3', line 8: ''",
        "paths that occur twice (2): line 2: 'a.mp3', line 9: 'a.mp3'",
        "paths of no audio in the folder (7): line 10: '0.mp3', line 11: '1.mp3', "
        "line 12: '2.mp3', line 13: '3.mp3', line 14: '4.mp3', ...",
        "empty labels (1): line 2: 'a.mp3'",
        "parts other than train, training, valid, validation, validate, val, dev, development, "
        "test, testing, eval (2): line 3: 'trian', line 9: 'holdout'",
    ]


@pytest.mark.parametrize(
    ("content", "parameters", "said"),
    [
        ("file,genre\na.mp3,x\n", {}, [
            "no column 'path' (`path`) (separated by ','); choose from: file, genre"
        ]),
        ("path,genres\na.mp3,x\n", {}, [
            "has no labels: name a column by `genre`, `tags` or `tag_columns` (separated by ','); "
            "did you mean 'genres'?"
        ]),
        ("path,genre\n", {}, ["has no rows"]),
        ("", {}, ["has no rows"]),
        ("path,genre,genre\na.mp3,x,y\n", {}, ["columns that occur twice: 'genre'"]),
        ("path,genre\na.mp3\nb.mp3,x\nc/d.mp3,x,y\n", {}, [
            "rows without 2 fields (separated by ',') (2): line 2: 1, line 4: 3"
        ]),
        ("path,tags\na.mp3,x||y\nb.mp3,z|\n", {}, ["empty tags (2): line 2: 'x||y', line 3: 'z|'"]),
        ("path,tags\na.mp3,\n", {}, ["no row has a tag"]),
        ("path,tags\na.mp3,x\n", {"separator": ""}, [
            "`separator` is empty; say which sign stands between tags"
        ]),
        ("path,n,x\na.mp3,2,1\nb.mp3,,1\n", {"tag_columns": "*"}, [
            "tags in 'n' that are neither 0 nor 1 (2): line 2: '2', line 3: ''"
        ]),
        ("path,rock\na.mp3,1\n", {"tag_columns": "rocc|pop"}, [
            "no column 'rocc' (`tag_columns`) (separated by ','); did you mean 'rock'?",
            "no column 'pop' (`tag_columns`) (separated by ','); choose from: path, rock",
        ]),
        ("path,tags,x\na.mp3,y,1\n", {"tag_columns": "x"}, [
            "has tags in one column and in several; name one or the others"
        ]),
        ("path,genre,track\na.mp3,x,1\nb.mp3,x,1\nc/d.mp3,x,\n", {}, [
            "names of tracks that are empty or occur twice (3): line 2: '1', line 3: '1', "
            "line 4: ''"
        ]),
        ("path,genre\na\0.mp3,x\n", {}, [
            "paths that leave the folder, or none (1): line 2: 'a\\x00.mp3'"
        ]),
        ('path,genre\na.mp3,x\n"b.mp3,x\n', {}, [
            "line 3: unexpected end of data (separated by ',')"
        ]),
        (b"path,genre\na.mp3,x\nb.mp3,\xe9\n", {}, [
            "line 3: is not UTF-8; save the table as UTF-8"
        ]),
    ],
)  # fmt: skip
def test_each_mistake_is_told(mistakes, content, parameters, said):
    assert mistakes(content, **parameters) == said


@pytest.mark.parametrize(
    ("content", "genres"),
    [
        ("path;genre, main;artist\na.mp3;rock;Who\nb.mp3;pop;B\n", ["rock", "pop"]),
        ("path\tgenre, main\na.mp3\trock, hard\nb.mp3\tpop\n", ["rock, hard", "pop"]),
        ("path|genre, main\na.mp3|rock\n", ["rock"]),
        ('"path","genre, main"\na.mp3,x;y;z\nb.mp3,p;q\n', ["x;y;z", "p;q"]),
        ("sep=;\npath;genre, main\na.mp3;rock\n", ["rock"]),
        ("sep=|\r\npath|genre, main\r\na.mp3|a,b;c\r\n", ["a,b;c"]),
        ("\ufeffSEP=\t\npath\tgenre, main\na.mp3\tx,y\n", ["x,y"]),
    ],
)
def test_the_separator_is_the_one_that_fits_the_rows(read, content, genres):
    assert read(content, genre="genre, main")["genre"].to_list() == genres


def test_lines_are_counted_from_the_first_of_the_file(mistakes):
    text = "sep=;\n\npath;genre\na.mp3;rock\nnone.mp3;pop\n"
    assert mistakes(text) == ["paths of no audio in the folder (1): line 5: 'none.mp3'"]


JAMENDO = (
    "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\r\n"
    "track_1\tartist_1\talbum_1\ta.mp3\t124.6\tgenre---rock\tmood/theme---sad\tgenre---rock\r\n"
    "track_2\tartist_1\talbum_2\tb.mp3\t10.0\tgenre---pop\t\t\r\n"
    "track_3\tartist_2\talbum_3\tc/d.mp3\t99.9\r\n"
)


def test_further_fields_of_a_row_are_further_tags(read, mistakes):
    columns = {"track": "TRACK_ID", "artist": "artist_id"}
    found = read(JAMENDO, name="autotagging.tsv", **columns)
    assert found.select("track", "path", "artist", "tags").rows() == [
        ("track_1", "a.mp3", "artist_1", ["genre---rock", "mood/theme---sad"]),
        ("track_2", "b.mp3", "artist_1", ["genre---pop"]),
        ("track_3", "c/d.mp3", "artist_2", []),
    ]
    short = JAMENDO + "track_4\tartist_2\talbum_3\r\n"
    assert mistakes(short, **columns) == ["rows without 5 fields or more (1): line 5: 3"]
    (said,) = mistakes(JAMENDO.replace("TAGS", "GENRE"))
    assert said.startswith("rows without 6 fields (separated by '\\t') (3): line 2: 8, line 3: 8")


def test_case_of_a_columns_name_does_not_count_where_one_is_meant(read, mistakes):
    found = read("PATH,Genre,Who\na.mp3,rock,A\n", artist="who")
    assert found.select("path", "genre", "artist").rows() == [("a.mp3", "rock", "A")]
    assert read("path,PATH,genre\na.mp3,none.mp3,x\n")["path"].to_list() == ["a.mp3"]
    assert read("path,ROCK\na.mp3,1\n", tag_columns="rock")["tags"].to_list() == [["ROCK"]]
    (said,) = mistakes("Path,PATH,genre\na.mp3,b.mp3,x\n")
    assert said.startswith("no column 'path' (`path`)")


MISSING = ["", "nan", "NaN", "None", "<NA>", "NaT", "NULL", "null", " nan\u200b"]


@pytest.mark.parametrize("nothing", MISSING)
def test_what_stands_for_nothing_is_no_name(read, mistakes, nothing):
    found = read(
        f"path,genre,tags,artist,album,song,group,split\n"
        f"a.mp3,x,{nothing},{nothing},{nothing},{nothing},{nothing},{nothing}\n"
        f"b.mp3,x,loud,{nothing},{nothing},{nothing},{nothing},train\n"
    )
    assert found.select("artist", "album", "song").null_count().row(0) == (2, 2, 2)
    assert found["group"].to_list() == ["a.mp3", "b.mp3"]
    assert found["tags"].to_list() == [[], ["loud"]]
    assert found["splits"].to_list() == [[], [{"split": "given", "part": "train"}]]
    assert mistakes(f"path,genre\na.mp3,x\nb.mp3,{nothing}\n") == [
        "empty labels (1): line 3: 'b.mp3'"
    ]
    assert mistakes(f"path,tags\na.mp3,x|{nothing}\n") == [
        f"empty tags (1): line 2: {'x|' + nothing!r}"
    ]


def test_nulls_and_not_a_number_of_parquet_are_no_names(read, mistakes):
    content = pl.DataFrame(
        {"path": ["a.mp3", "b.mp3"], "genre": ["x", "y"], "artist": [float("nan"), 7.5]}
    )
    assert read(content, name="x.parquet")["artist"].to_list() == [None, "7.5"]
    content = content.with_columns(genre=pl.Series([None, "y"]))
    assert mistakes(content, name="x.parquet") == ["empty labels (1): row 1: 'a.mp3'"]


def test_the_parts_may_have_any_usual_name(read):
    found = read("path,genre,split\na.mp3,x,Train_Set\nb.mp3,x,eval\nc/d.mp3,x,testing\n")
    parts = [split[0]["part"] for split in found["splits"].to_list()]
    assert parts == ["train", "valid", "test"]


def test_a_file_that_is_left_out_for_its_name_is_said_to_be(mistakes, tmp_path):
    text = "path,genre\n@eaDir/a.mp3,x\n._a.mp3,x\nnone.mp3,x\n"
    said = [
        "paths under names that only systems and tools give, left out (2): "
        "line 2: '@eaDir/a.mp3', line 3: '._a.mp3'",
        "paths of no audio in the folder (1): line 4: 'none.mp3'",
    ]
    assert mistakes(text) == said
    (tmp_path / "._a.mp3").touch()
    there = {"tracks.csv": tmp_path / "tracks.csv"}
    with pytest.raises(SoundstageError, match=r"only systems and tools give, left out \(2\)"):
        table.fetch(tmp_path, tmp_path, there)


def test_a_hundred_thousand_columns_of_tags_take_seconds(read):
    n = 100_000
    names = ",".join(f"t{i}" for i in range(n))
    flags = ",".join(["0"] * (n - 1) + ["1"])
    begun = time.perf_counter()
    found = read(f"path,{names}\na.mp3,{flags}\n", tag_columns="*")
    assert found["tags"].to_list() == [[f"t{n - 1}"]]
    assert time.perf_counter() - begun < 20  # a search of a list for each would take minutes


def test_of_parquet_only_the_columns_in_use_need_be_text(read, mistakes):
    content = pl.DataFrame(
        {
            "path": ["a.mp3", "b.mp3"],
            "genre": ["x", "y"],
            "bytes": [b"\xff\xfe", None],
            "chords": [[{"root": "C", "at": 0.5}], []],
            "pairs": [[[1, 2], [3]], None],
            "point": [{"x": 1.0}, {"x": 2.0}],
        }
    )
    assert read(content, name="x.parquet")["genre"].to_list() == ["x", "y"]
    for column in ("bytes", "chords", "pairs"):
        (said,) = mistakes(content, name="x.parquet", artist=column)
        assert said.startswith(f"the column {column!r} is no text: ")
    (said,) = mistakes(content, name="x.parquet", artist="point")
    assert said.startswith("no column 'point' (`artist`); ")


def test_lists_are_read_as_tags_alone(mistakes):
    content = pl.DataFrame({"path": ["a.mp3"], "genre": [["x"]]})
    assert "lists in the column 'genre' (1): row 1: ['x']" in mistakes(content, name="x.parquet")


def test_damaged_parquet_is_said_or_read(read, tmp_path):
    pl.DataFrame({"path": ["a.mp3"], "tags": [["x"]]}).write_parquet(tmp_path / "whole")
    whole, rng, told = (tmp_path / "whole").read_bytes(), random.Random(0), 0
    for _ in range(300):
        torn = bytearray(whole)
        for _ in range(rng.randrange(1, 5)):
            torn[rng.randrange(len(torn))] = rng.randrange(256)
        try:
            read(bytes(torn), name="x.parquet")
        except SoundstageError:
            told += 1
    assert told > 200


def test_fetching_checks_folder_and_table_before_the_audio_is_looked_at(tmp_path):
    with pytest.raises(SoundstageError, match=r"no such folder; say `root:"):
        table.fetch(tmp_path / "none", tmp_path, {})
    with pytest.raises(SoundstageError, match=r"tracks\.csv: no such table; say `table: labels"):
        table.fetch(tmp_path, tmp_path, {})
    (tmp_path / "labels.csv").write_text("path,genre\na.mp3,x\n")
    there = {"labels.csv": tmp_path / "labels.csv"}
    with pytest.raises(SoundstageError, match=r"no audio in the folder \(1\): line 2: 'a\.mp3'"):
        table.fetch(tmp_path, tmp_path, there, table="labels.csv")
    (tmp_path / "a.mp3").touch()
    table.fetch(tmp_path, tmp_path, there, table="labels.csv")


def test_the_table_may_lie_elsewhere(tmp_path):
    root = tmp_path / "music"
    root.mkdir()
    (root / "a.mp3").touch()
    file = tmp_path / "mine.tsv"
    file.write_text("path\tgenre\na.mp3\tx\n")
    name = table.METADATA[0].format(table=str(file))
    table.fetch(root, tmp_path / "own", {name: root / name}, table=str(file))
    found = table.tracks(["a.mp3"], {name: root / name}, table=str(file))
    assert found["genre"].to_list() == ["x"]


def test_both_functions_take_the_parameters_that_params_yaml_may_say():
    fields = registry.parameters("datasets", "table", "fetch")
    assert registry.parameters("datasets", "table", "tracks") == fields
    assert fields["separator"] == (str, "|")
    assert fields["artist"] == (str | None, None)
    assert inspect.getfullargspec(table.tracks).args == ["files", "metadata"]
