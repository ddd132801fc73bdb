from __future__ import annotations

import csv
import io
import json
import math
import os
import sys
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stst import InputError, StstError
from stst.analysis import tables
from stst.analysis.tables import (
    COLUMNS,
    as_csv,
    as_json,
    check_table_output,
    rows_as_csv,
    table,
    write_table,
)

NUMBERS = st.floats(allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=9)
ROWS = st.lists(
    st.builds(
        lambda clip, frame, value: {
            "clip": clip, "frame": frame, "time_s": float(frame / Fraction(30000, 1001)),
            "measure": "contrast", "value": value, "unit": "1",
        },
        TEXT, st.integers(0, 10**6), NUMBERS,
    ),
    min_size=1, max_size=5,
)  # fmt: skip


def row(**changes):
    return {"clip": "a", "frame": 0, "measure": "contrast", "value": 0.1, "unit": "1", **changes}


def from_csv(text):
    kinds = {"frame": int, "time_s": float, "value": lambda one: float(one or "nan")}
    return [
        {key: kinds.get(key, str)(value) for key, value in one.items()}
        for one in csv.DictReader(io.StringIO(text, newline=""))
    ]


def from_json(text):
    rows = json.loads(text, parse_constant=pytest.fail)
    return [{key: math.nan if one is None else one for key, one in row.items()} for row in rows]


def same(found, expected):
    assert [list(one) for one in found] == [list(one) for one in expected]
    for one, other in zip(found, expected, strict=True):
        for key in one:
            both_nan = one[key] != one[key] and other[key] != other[key]
            assert both_nan or (one[key] == other[key] and type(one[key]) is type(other[key]))


class TestRoundTrip:
    @given(ROWS)
    def test_csv(self, rows):
        same(from_csv(as_csv(table(rows))), rows)

    @given(ROWS)
    def test_json(self, rows):
        same(from_json(as_json(table(rows))), rows)

    def test_files(self, tmp_path):
        values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, math.nan, -0.0, math.pi]
        rows = [row(clip='Bär, "a"\n', value=value) for value in values]
        data = table(rows)
        for suffix in (".csv", ".parquet", ".json", ".CSV"):
            write_table(data, tmp_path / f"t{suffix}")
        same(from_csv((tmp_path / "t.csv").read_bytes().decode("utf-8")), rows)
        same(from_json((tmp_path / "t.json").read_text("utf-8")), rows)
        again = pd.read_parquet(tmp_path / "t.parquet")
        pd.testing.assert_frame_equal(again, data, check_exact=True)
        same(again.to_dict("records"), rows)
        assert (tmp_path / "t.CSV").read_bytes() == (tmp_path / "t.csv").read_bytes()

    def test_undefined(self):
        data = table([row(value=math.nan)])
        assert as_csv(data) == "clip,frame,measure,value,unit\na,0,contrast,,1\n"
        assert json.loads(as_json(data))[0]["value"] is None

    def test_undefined_in_every_format(self, tmp_path):
        """Empty, null and null; as a column's only value as well."""
        for name, values in (("some", [0.5, math.nan]), ("none", [math.nan, math.nan])):
            data = table([row(value=value) for value in values])
            for suffix in tables.SUFFIXES:
                write_table(data, tmp_path / f"{name}{suffix}")
            cells = [
                one["value"]
                for one in csv.DictReader((tmp_path / f"{name}.csv").read_text().split())
            ]
            assert cells == ["" if math.isnan(value) else str(value) for value in values]
            expected = [None if math.isnan(value) else value for value in values]
            read = json.loads((tmp_path / f"{name}.json").read_text(), parse_constant=pytest.fail)
            assert [one["value"] for one in read] == expected
            assert pq.read_table(tmp_path / f"{name}.parquet")["value"].to_pylist() == expected

    def test_json_has_no_infinity(self):
        rows = table([row(value=math.inf), row(value=-math.inf), row(value=1.0)])
        read = json.loads(as_json(rows), parse_constant=pytest.fail)
        assert [one["value"] for one in read] == [None, None, 1.0]

    def test_numbers_of_numpy(self):
        data = table([row(value=np.float64(0.1), frame=np.int64(3))])
        assert json.loads(as_json(data)) == [row(frame=3)]


class TestColumns:
    def test_order_and_those_that_do_not_apply(self):
        assert list(table([row(), row(reference="b")]).columns) == [
            "clip", "reference", "frame", "measure", "value", "unit",
        ]  # fmt: skip

    def test_all_of_them(self):
        everything = dict.fromkeys(reversed(COLUMNS), 1)
        assert tuple(table([everything]).columns) == COLUMNS

    def test_no_rows(self):
        assert as_csv(table([])) == ",".join(COLUMNS) + "\n"
        assert json.loads(as_json(table([]))) == []

    @pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
    def test_names_that_are_no_text(self, tmp_path):
        data = table([row(clip=os.fsdecode(b"\xff.mkv"), reference="Bär")])
        assert data["clip"].item() == "�.mkv"
        assert data["reference"].item() == "Bär"
        for suffix in tables.SUFFIXES:
            write_table(data, tmp_path / f"t{suffix}")


class TestOutput:
    def test_kinds(self, tmp_path):
        for name, found in (("t.xlsx", "'.xlsx'"), ("t", "'no suffix'")):
            with pytest.raises(InputError) as refused:
                check_table_output(tmp_path / name)
            assert str(refused.value) == (
                f"{tmp_path / name}: a table is written as .csv, .parquet, .json; found {found}."
            )

    def test_existing(self, tmp_path):
        path = tmp_path / "t.csv"
        path.write_text("before")
        for refuse in (check_table_output, lambda path: write_table(table([row()]), path)):
            with pytest.raises(InputError, match=r"t\.csv exists\. Give `overwrite=True`"):
                refuse(path)
        assert path.read_text() == "before"
        write_table(table([row()]), path, overwrite=True)
        assert path.read_text().startswith("clip,")
        assert os.listdir(tmp_path) == ["t.csv"]

    @pytest.mark.parametrize("suffix", tables.SUFFIXES)
    def test_whole_or_not_at_all(self, tmp_path, monkeypatch, suffix):
        path = tmp_path / f"t{suffix}"
        path.write_text("before")

        def interrupted(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr("os.fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_table(table([row()]), path, overwrite=True)
        assert path.read_text() == "before"
        assert os.listdir(tmp_path) == [path.name]

    @pytest.mark.parametrize("suffix", tables.SUFFIXES)
    def test_a_full_disk(self, small_disk, suffix):
        rows = [row(clip=os.urandom(200).hex()) for _ in range(200)]
        path = small_disk / f"t{suffix}"
        with pytest.raises(StstError) as refused:
            write_table(table(rows), path)
        assert str(refused.value).startswith(f"{path}: the disk is full; nothing was left there.")
        assert os.listdir(small_disk) == []


def test_numbers_of_frames_are_whole_where_some_rows_have_none(tmp_path):
    rows = [row(frame=3), {key: value for key, value in row().items() if key != "frame"}]
    data = table(rows)
    assert as_csv(data) == rows_as_csv(rows)
    assert as_csv(data).splitlines()[1:] == ["a,3,contrast,0.1,1", "a,,contrast,0.1,1"]
    assert [one["frame"] for one in json.loads(as_json(data))] == [3, None]
    write_table(data, tmp_path / "t.parquet")
    again = pd.read_parquet(tmp_path / "t.parquet")
    assert again["frame"].tolist()[0] == 3
    assert again["frame"].isna().tolist() == [False, True]
