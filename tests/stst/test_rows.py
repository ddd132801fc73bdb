from __future__ import annotations

import pytest

from stst.errors import InputError
from stst.rows import read_rows


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, "utf-8", newline="")
    return read_rows(path.relative_to(path.parent), "runs", ("clip", "name"), ("note",))


def error(path, content):
    with pytest.raises(InputError) as caught:
        read(path, content)
    return str(caught.value)


class TestReading:
    def test_csv(self, here):
        rows = read(here / "m.csv", 'note,clip,name\n,a.mkv,x\nhi,"b, c.mkv", y \n')
        second = {"note": "hi", "clip": "b, c.mkv", "name": "y"}
        assert rows == [{"clip": "a.mkv", "name": "x"}, second]
        assert [row.where for row in rows] == ["m.csv, line 2", "m.csv, line 3"]

    def test_toml(self, here):
        text = '[[runs]]\nclip = "a"\nname = "x"\n[[runs]]\nname = " y "\nclip = "b"\nnote = "#"'
        rows = read(here / "m.toml", text)
        assert rows == [{"clip": "a", "name": "x"}, {"clip": "b", "name": "y", "note": "#"}]
        assert [row.where for row in rows] == ["m.toml, [[runs]] 1", "m.toml, [[runs]] 2"]

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("m.tsv", "clip\tname\na, b\tx\n"),
            ("m.TSV", "clip\tname\na, b\tx"),
            ("m.csv", 'clip,name\r\n"a, b",x\r\n'),
            ("m.csv", '\n\nclip, name\n\n  \n,\n"a, b", x\n\n'),
            ("m.csv", 'clip,name\r"a, b",x\r'),
            ("m.csv", b'\xef\xbb\xbfclip,name\n"a, b",x\n'),
            ("m.toml", b'\xef\xbb\xbf[[runs]]\nclip = "a, b"\nname = "x"\n'),
            ("m.toml", 'runs = [{clip = "a, b", name = "x"}]'),
        ],
    )
    def test_the_same_in_other_ways(self, here, name, content):
        assert read(here / name, content) == [{"clip": "a, b", "name": "x"}]

    def test_blank_lines_count(self, here):
        (row,) = read(here / "m.csv", "clip,name\n\n\na,x\n")
        assert row.where == "m.csv, line 4"

    def test_a_sign_that_begins_no_comment(self, here):
        assert read(here / "m.csv", "clip,name\n#a,#\n") == [{"clip": "#a", "name": "#"}]


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("clip,names\na,x\n", "m.csv, line 1: unknown column 'names' (did you mean 'name'?). "
             "Allowed are clip, name; optional: note."),
            ("clip,Name\na,x\n", "m.csv, line 1: unknown column 'Name' (did you mean 'name'?). "
             "Allowed are clip, name; optional: note."),
            ("clip,name,\na,x,\n", "m.csv, line 1: unknown column ''. Allowed are clip, name; "
             "optional: note."),
            ("clip,note\na,x\n", "m.csv, line 1: the column 'name' is missing. Needed are clip, "
             "name; optional: note."),
            ("clip,name,clip\na,x,b\n", "m.csv, line 1: the column 'clip' comes twice."),
            ("clip;name\na;x\n", "m.csv, line 1: the columns are separated by ';'. A .csv file has "
             "commas, a .tsv file has tabs."),
            ("clip\tname\na\tx\n", "m.csv, line 1: the columns are separated by '\\t'. A .csv file "
             "has commas, a .tsv file has tabs."),
            ("clip,name\na,x\n\nb\n", "m.csv, line 4: the header has 2 cells (clip, name), "
             "this line 1. A cell with ',' in it goes in quotes."),
            ("clip,name\na,b,x\n", "m.csv, line 2: the header has 2 cells (clip, name), "
             "this line 3. A cell with ',' in it goes in quotes."),
            ("clip,name\na,x\n ,y\n", "m.csv, line 3: clip is empty."),
            ('clip,name\n"a\nb",x\n', "m.csv, line 3: clip holds the control character '\\n'."),
            ("clip,name\na\0,x\n", "m.csv, line 2: clip holds the control character '\\x00'."),
            ('clip,name\n"a"b,x\n', "m.csv, line 2: not readable (',' expected after '\"')."),
            ('clip,name\n"a,x\n', "m.csv, line 2: not readable (unexpected end of data)."),
            ("clip,name\n" + "a" * 140000 + ",x\n", "m.csv, line 2: not readable (field larger "
             "than field limit (131072))."),
            ("", "m.csv, line 1: the column 'clip' is missing. Needed are clip, name; optional: "
             "note."),
            ("clip,name\n", "m.csv lists no runs. It needs clip, name; optional: note."),
            ("clip,name\nä,x\n".encode("utf-16"), "m.csv: not a text file in UTF-8. Save it as "
             "UTF-8."),
            ("clip,name\nä,x\n".encode("latin-1"), "m.csv: not a text file in UTF-8. Save it as "
             "UTF-8."),
        ],
    )  # fmt: skip
    def test_csv(self, here, content, said):
        assert error(here / "m.csv", content) == said

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("", "m.toml lists no runs. It needs clip, name; optional: note."),
            ("runs = 3", "m.toml: runs must be written as tables [[runs]]."),
            ("[runs]\nclip = 'a'", "m.toml: runs must be written as tables [[runs]]."),
            ("runs = [3]", "m.toml, [[runs]] 1: found 3; it must be a table."),
            ("run = []", "m.toml: unknown key 'run'; allowed are tables [[runs]]."),
            ("[[runs]]\nclip = 'a'\nnam = 'x'", "m.toml, [[runs]] 1: unknown key 'nam' (did you "
             "mean 'name'?). Allowed are clip, name; optional: note."),
            ("[[runs]]\nclip = 'a'", "m.toml, [[runs]] 1: the key 'name' is missing. Needed are "
             "clip, name; optional: note."),
            ("[[runs]]\nclip = 'a'\nname = 3", "m.toml, [[runs]] 1: name is 3; every field is "
             "text, in quotes."),
            ("[[runs]]\nclip = 'a'\nname = 'x'\nnote = ''", "m.toml, [[runs]] 1: note is empty."),
            ("[[runs]]\nclip = 'a'\nname = \"x\\u0007\"", "m.toml, [[runs]] 1: name holds the "
             "control character '\\x07'."),
            (b"\xff", "m.toml: not a text file in UTF-8. Save it as UTF-8."),
        ],
    )  # fmt: skip
    def test_toml(self, here, content, said):
        assert error(here / "m.toml", content) == said

    @pytest.mark.parametrize("content", ["[[runs]", "a" * 9, "[" * 9999])
    def test_no_toml(self, here, content):
        assert error(here / "m.toml", content).startswith("m.toml: not valid TOML: ")

    def test_files(self, here):
        assert error(here / "m.txt", "") == (
            "m.txt: a manifest is a .csv, .tsv, .toml file; found '.txt'."
        )
        (here / "d.csv").mkdir()
        for name, said in (("no.csv", "no such manifest"), ("d.csv", "cannot be read (Is a dir")):
            with pytest.raises(InputError) as caught:
                read_rows(here / name, "runs", ("clip",), ())
            assert f"{here / name}: {said}" in str(caught.value)
