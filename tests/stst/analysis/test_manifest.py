from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import pytest

from stst.analysis.manifest import NamedPair, clips_in, match_folders, read_pairs
from stst.errors import InputError
from stst.utils.names import label_problem


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touched(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def manifest(folder, *rows, header="natural,other"):
    path = folder / "m.csv"
    path.write_text("\n".join([header, *rows]), "utf-8")
    return path.relative_to(folder)


def labels(folder, *rows, header="natural,other"):
    return [pair.label for pair in read_pairs(manifest(folder, *rows, header=header))]


def error(do, *words):
    with pytest.raises(InputError) as caught:
        do(*words)
    return str(caught.value)


class TestManifest:
    def test_paths_are_relative_to_it(self, here):
        (here / "sub").mkdir()
        path = here / "sub/m.csv"
        path.write_text(f"natural,other,label\n../a.mkv,b.mkv,x\n{here}/c.mkv,d.mkv,y\n")
        first, second = read_pairs(path)
        assert (first.label, first.natural, first.other) == ("x", "../a.mkv", "b.mkv")
        assert first.natural_path.resolve() == here / "a.mkv"
        assert first.other_path == here / "sub/b.mkv"
        assert second.natural_path == here / "c.mkv"

    def test_the_home_folder_and_paths_of_windows(self, here, monkeypatch):
        monkeypatch.setenv("HOME", str(here / "home"))
        touched(here, "s/b.mkv")
        (pair,) = read_pairs(manifest(here, "~/a.mkv,s\\b.mkv"))
        assert (pair.natural_path, pair.other_path) == (here / "home/a.mkv", Path("s/b.mkv"))
        assert (pair.natural, pair.label) == ("~/a.mkv", "b")

    def test_words_of_tables(self, here):
        said = "A row needs natural and other, and may have label."
        assert error(labels, here) == f"m.csv lists no pairs. {said}"
        for header, part in (
            ("Natural,Other", "unknown column 'Natural' (it is written 'natural', in lower case)"),
            ("natural;others", "unknown column 'others' (did you mean 'other'?)"),
            (",natural,other", "column 1 has no name; pandas writes its index so"),
            ("a.mkv,b.mkv", "there is no header line; 'a.mkv' is no name of a column"),
        ):
            found = error(lambda header=header: labels(here, "0,a,b", header=header))
            assert found.startswith(f"m.csv, line 1: {part}")
            assert found.endswith(said)

    def test_labels(self, here):
        (here / "s/seq.v1").mkdir(parents=True)
        rows = ("n.mkv,a.mkv,", "n.mkv,s/A.npz,", "n.mkv,t/b.mkv,", "n.mkv,s/seq.v1/,", "n,c,mine")
        assert labels(here, *rows, header="natural,other,label") == [
            f"{here.name}_a", "s_A", "b", "seq.v1", "mine",
        ]  # fmt: skip

    def test_a_label_that_was_given_goes_first(self, here):
        rows = ("n.mkv,s/a.mkv,", "n.mkv,s/b.mkv,A")
        assert labels(here, *rows, header="natural,other,label") == ["s_a", "A"]

    def test_labels_of_names_that_are_none(self, here):
        assert labels(here, "n,what (1)?.mkv", "n,.hidden.mkv", "n,a:b.mkv") == [
            "what _1__", "hidden", "a_b",
        ]  # fmt: skip

    def test_letters_of_any_script(self, here):
        rows = ("n,猫.mkv", "n,Кошка.mkv", "n,हिन्दी.mkv", f"n,{unicodedata.normalize('NFD', 'é')}")
        assert labels(here, *rows) == ["猫", "Кошка", "हिन्दी", "é"]

    def test_labels_that_are_not_unique(self, here):
        assert error(labels, here, "n,s/a.mkv", "n,s/a.npz") == (
            "m.csv, line 3: the label 's_a' is that of m.csv, line 2, too. Labels name folders and "
            "must differ in more than capitals; m.csv: give them a label."
        )
        rows = ("n,a,Straße", "n,b,STRASSE")
        assert "'STRASSE' is that of m.csv, line 2, too" in error(
            lambda: labels(here, *rows, header="natural,other,label")
        )

    @pytest.mark.parametrize(
        ("label", "problem"),
        [
            ("../x", "holds '/'."),
            ("/abs", "holds '/'."),
            ("a/b", "holds '/'."),
            ("a\\b", "holds '\\\\'."),
            ("C:x", "holds ':'."),
            ("..", "begins or ends with a dot or a space."),
            (".hidden", "begins or ends with a dot or a space."),
            ("x.", "begins or ends with a dot or a space."),
            ("CON", "is a name that Windows reserves for a device."),
            ("con.txt", "is a name that Windows reserves for a device."),
            ("Lpt1", "is a name that Windows reserves for a device."),
            ("a\u202eb", "holds '\\u202e'."),
            ("*", "holds '*'."),
            ("x" * 101, "is too long (101 characters)."),
            ("猫" * 67, "is too long (67 characters)."),
        ],
    )
    def test_hostile_labels(self, here, label, problem):
        said = error(lambda: labels(here, f"n,o,{label}", header="natural,other,label"))
        assert said.startswith(f"m.csv, line 2: the label {label!r} {problem}")
        assert error(NamedPair, label, "n", "o").startswith(f"the label {label!r} {problem}")

    def test_no_label(self):
        assert error(NamedPair, "", "n", "o") == "the label '' is empty."
        assert error(NamedPair, " a", "n", "o").startswith("the label ' a' begins or ends with")
        assert error(NamedPair, "a\n", "n", "o").startswith("the label 'a\\n' holds '\\n'")

    @pytest.mark.parametrize("label", ["x" * 100, "a b", "a.b-c_1", "-", "console", "猫" * 66])
    def test_good_labels(self, label):
        assert label_problem(label) is None

    @pytest.mark.parametrize("other", ["..", "con.mkv", "x" * 101 + ".mkv"])
    def test_names_that_give_no_label(self, here, other):
        assert error(labels, here, f"n,{other}").endswith(
            "gives no label; m.csv: give them a label."
        )


class TestFolders:
    def test_clips(self, here):
        touched(
            here / "f", "a.mkv", "b.MP4", "c.npy", "d.npz", "e/1.png", "f.v1/frame_1.JPG",
            "a.preview.mp4", "a.json", ".h.mkv", "g.run/1.png", "i/notes.txt", "j/.1.png",
            ".k/1.png", "readme.txt", "l",
        )  # fmt: skip
        assert list(clips_in(here / "f")) == ["a", "b", "c", "d", "e", "f.v1"]

    def test_matching(self, here):
        touched(here / "n", "cat.mp4", "dog.mkv", "fox.gif", "owl_seed1.mkv", "owl.mkv")
        touched(
            here / "o", "cat_seed10.mkv", "cat_seed9.mkv", "cat.npz", "dog_seed0/1.png", "elk.mkv",
            "owl_seed1.mkv", "cat_seedx.mkv", "cat_seed9.preview.mp4", "cat_seed9.json",
        )  # fmt: skip
        pairs, notes = match_folders(here / "n", here / "o")
        assert [(pair.label, pair.natural_path.name) for pair in pairs] == [
            ("cat", "cat.mp4"), ("cat_seed9", "cat.mp4"), ("cat_seed10", "cat.mp4"),
            ("dog_seed0", "dog.mkv"), ("owl_seed1", "owl_seed1.mkv"),
        ]  # fmt: skip
        assert all(pair.other_path.parent == here / "o" for pair in pairs)
        assert notes == [
            f"{here}/o/cat_seedx.mkv belongs to no clip in {here}/n.",
            f"{here}/o/elk.mkv belongs to no clip in {here}/n.",
            f"{here}/n/fox.gif has no clip in {here}/o.",
            f"{here}/n/owl.mkv has no clip in {here}/o.",
        ]

    def test_composed_letters_and_others(self, here):
        touched(here / "n", unicodedata.normalize("NFD", "é.mkv"))
        touched(here / "o", unicodedata.normalize("NFC", "é_seed1.mkv"))
        assert [pair.label for pair in match_folders(here / "n", here / "o")[0]] == ["é_seed1"]

    @pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
    def test_names_that_are_no_text(self, here):
        for folder in ("n", "o"):
            touched(here / folder, os.fsdecode(b"\xffa.mkv"))
        assert [pair.label for pair in match_folders(here / "n", here / "o")[0]] == ["_a"]

    def test_what_is_refused(self, here):
        touched(here / "n", "a.mkv")
        touched(here / "two", "cat.mkv", "cat.mp4")
        touched(here / "empty", "a.json", "a.preview.mp4")
        touched(here / "other", "b.mkv", "c.mkv", "d.mkv", "e.mkv")
        assert error(match_folders, here / "n", here / "no") == (
            f"{here}/no is not a folder. Give a manifest, or two folders."
        )
        assert error(match_folders, here / "n/a.mkv", here / "n").startswith(
            f"{here}/n/a.mkv is not a folder."
        )
        assert error(match_folders, here / "n", here / "other/../n").endswith(
            "are the same folder. Give two."
        )
        for words in ((here / "n", here / "two"), (here / "two", here / "n")):
            assert error(match_folders, *words) == (
                f"{here}/two/cat.mkv and {here}/two/cat.mp4 have the same stem, so it is not clear "
                "which one belongs to the clip of that name. Move one away, or write a manifest."
            )
        assert error(match_folders, here / "n", here / "empty").startswith(
            f"{here}/empty holds no clips. Clips are .mp4, "
        )
        assert error(match_folders, here / "n", here / "other") == (
            f"no clip in {here}/other (b.mkv, c.mkv, d.mkv, …) belongs to one in {here}/n (a.mkv). "
            "They belong together by name: cat.mkv and cat_seed7.mkv to cat.mp4."
        )

    def test_labels_that_are_not_unique(self, here):
        for folder in ("n", "o"):
            touched(here / folder, "Cat.mkv", "cat.mkv")
        if len(os.listdir(here / "n")) < 2:
            pytest.skip("capitals do not count here")
        assert error(match_folders, here / "n", here / "o").endswith(
            "write a manifest that gives them a label."
        )


def test_a_name_that_is_too_long_for_a_file(tmp_path):
    manifest = tmp_path / "pairs.csv"
    manifest.write_text(f"natural,other\na.mp4,{'b' * 5000}.mkv\n")
    with pytest.raises(InputError, match=r"pairs\.csv, line 2: 'bbb.* gives no label"):
        read_pairs(manifest)
