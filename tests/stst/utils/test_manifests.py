from __future__ import annotations

import pytest

from stst.errors import InputError
from stst.utils.manifests import read_rows

#: What rows may hold in these tests, and how files of Windows' programs are refused.
A = "A row needs clip and name, and may have note."
WIDE = (
    "not a text file in UTF-8 but in UTF-16, as Excel's 'Unicode Text', Notepad's 'Unicode' and "
    "PowerShell's > write it. Save it as UTF-8 (in Excel 'CSV UTF-8')."
)


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
            ("m.csv", 'clip;name\n"a, b";x\n'),
            ("m.csv", "clip;name\na, b;x\n"),
            ("m.csv", "clip\tname\na, b\tx\n"),
            ("m.csv", "sep=;\r\nclip;name\r\na, b;x\r\n"),
            ("m.tsv", 'clip,name\n"a, b",x\n'),
            ("m.csv", 'clip,name,,\n"a, b",x,,\n'),
            ("m.csv", 'clip,name\n"a, b",x,\n,\n'),
            ("m.csv", 'clip,name,\n"a, b",x,'),
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
             f"{A}"),
            ("clip,Name\na,x\n", "m.csv, line 1: unknown column 'Name' (it is written 'name', in "
             f"lower case). {A}"),
            ("clip,name,\na,x,y\n", "m.csv, line 1: column 3 has no name. Name it, or delete it. "
             f"{A}"),
            (",clip,name\n0,a,x\n", "m.csv, line 1: column 1 has no name; pandas writes its index "
             f"so: write the table with index=False. Name it, or delete it. {A}"),
            ("Unnamed: 0,clip,name\n0,a,x\n", "m.csv, line 1: the first column is an index that "
             "pandas wrote. Write the table with index=False, or delete the column."),
            ("a.mkv,x\nb.mkv,y\n", "m.csv, line 1: there is no header line; 'a.mkv' is no name of "
             f"a column. Begin the file with a line of names. {A}"),
            ("clip,note\na,x\n", f"m.csv, line 1: the column 'name' is missing. {A}"),
            ("clip,name,clip\na,x,b\n", "m.csv, line 1: the column 'clip' comes twice."),
            ("clip,name\na,x\n\nb\n", "m.csv, line 4: the header has 2 cells (clip, name), "
             "this line 1. A cell with ',' in it goes in quotes."),
            ("clip,name\na,b,x\n", "m.csv, line 2: the header has 2 cells (clip, name), "
             "this line 3. A cell with ',' in it goes in quotes."),
            ("sep=;\nclip;name\n\na\n", "m.csv, line 4: the header has 2 cells (clip, name), "
             "this line 1. A cell with ';' in it goes in quotes."),
            ("clip,name\na,x\n ,y\n", "m.csv, line 3: clip is empty."),
            ('clip,name\n"a\nb",x\n', "m.csv, line 3: clip holds the control character '\\n'."),
            ("clip,name\na\0,x\n", "m.csv: not a text file in UTF-8: line 2 holds NUL bytes, as a "
             "file does that was cut off by a crash. Copy or save it again."),
            ('clip,name\n"a"b,x\n', "m.csv, line 2: a cell goes on after its closing quotation "
             'mark. Within quotes a quotation mark is written twice: "".'),
            ('clip,name\n"a,x\nb,y\n', "m.csv, line 3: a cell that begins with a quotation mark, "
             "here or in a line above, does not end with one. Close it, or leave the mark out."),
            ("clip,name\n" + "a" * 140000 + ",x\n", "m.csv, line 2: a cell holds more than 131072 "
             "characters. Is a quotation mark not closed?"),
            ("", f"m.csv is empty. It begins with a line of names of columns. {A}"),
            (" \n\n", f"m.csv is empty. It begins with a line of names of columns. {A}"),
            ("clip,name\n", f"m.csv lists no runs. {A}"),
            ("clip,name\nä,x\n".encode("utf-16"), f"m.csv: {WIDE}"),
            ("clip,name\na,x\n".encode("utf-16-le"), f"m.csv: {WIDE}"),
            ("clip,name\nä,x\n".encode("latin-1"), "m.csv: not a text file in UTF-8: line 2 holds "
             "the byte 0xe4, as in Latin-1 and Windows-1252. Save it as UTF-8 (in "
             "Excel 'CSV UTF-8')."),
        ],
    )  # fmt: skip
    def test_csv(self, here, content, said):
        assert error(here / "m.csv", content) == said

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("", f"m.toml lists no runs. {A}"),
            ("runs = 3", "m.toml: runs must be written as tables [[runs]]."),
            ("[runs]\nclip = 'a'", "m.toml: runs must be written as tables [[runs]]."),
            ("runs = [3]", "m.toml, [[runs]] 1: found 3; it must be a table."),
            ("run = []", "m.toml: unknown key 'run'; allowed are tables [[runs]]."),
            ("[[runs]]\nclip = 'a'\nnam = 'x'", "m.toml, [[runs]] 1: unknown key 'nam' (did you "
             f"mean 'name'?). {A}"),
            ("[[runs]]\nclip = 'a'", f"m.toml, [[runs]] 1: the key 'name' is missing. {A}"),
            ("[[runs]]\nclip = 'a'\nname = 3", "m.toml, [[runs]] 1: name is 3; every field is "
             "text, in quotes."),
            ("[[runs]]\nclip = 'a'\nname = 00:04:00", "m.toml, [[runs]] 1: name is the time "
             "00:04:00; every field is text, in quotes."),
            ("[[runs]]\nclip = 'a'\nname = true", "m.toml, [[runs]] 1: name is true; every field "
             "is text, in quotes."),
            ("[[runs]]\nclip = 'a'\nname = 'x'\nnote = ''", "m.toml, [[runs]] 1: note is empty."),
            ("[[runs]]\nclip = 'a'\nname = \"x\\u0007\"", "m.toml, [[runs]] 1: name holds the "
             "control character '\\x07'."),
            ("[[runs]]".encode("utf-16"), f"m.toml: {WIDE}"),
        ],
    )  # fmt: skip
    def test_toml(self, here, content, said):
        assert error(here / "m.toml", content) == said

    @pytest.mark.parametrize("suffix", [".xlsx", ".ods"])
    def test_sheets(self, here, suffix):
        said = f"m{suffix}: a {suffix} file is not read here. Save the sheet as 'CSV UTF-8' (.csv)."
        assert error(here / f"m{suffix}", b"PK\x03\x04") == said

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


class TestOtherFields:
    """Names that stand for keys of a config, with a hint where one is unknown."""

    def read(self, path, content):
        path.write_text(content)
        known = {"depth", "input"}
        return read_rows(
            path.relative_to(path.parent), "runs", (), ("clip",),
            lambda name: None if name in known else "did you mean 'depth'?",
        )  # fmt: skip

    def test_known_ones(self, here):
        assert self.read(here / "m.csv", "clip,depth\na,3\n") == [{"clip": "a", "depth": "3"}]

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("clip,dept\na,3\n", "m.csv, line 1: unknown column 'dept' (did you mean 'depth'?)."),
            ("clip,Depth\na,3\n", "m.csv, line 1: unknown column 'Depth' (it is written 'depth', "),
            ("clip\n", "m.csv lists no runs. A row may have clip and any key of a config."),
            ("", "m.csv is empty. It begins with a line of names of columns. A row may have clip "),
            ("c.mkv\nd.mkv\n", "m.csv, line 1: there is no header line; 'c.mkv' is no name of a "),
        ],
    )
    def test_refusals(self, here, content, said):
        with pytest.raises(InputError) as caught:
            self.read(here / "m.csv", content)
        assert str(caught.value).startswith(said)
