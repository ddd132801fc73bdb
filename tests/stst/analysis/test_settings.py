from __future__ import annotations

import pytest

from stst.analysis.prediction import PredictionSettings
from stst.analysis.settings import MEASURES, TABLES, Settings
from stst.config import StreamConfig
from stst.config.cka import ClassifierSpec

ALWAYS = ("features.csv", "comparison.csv")
MODEL = ClassifierSpec("tiny_classifier:judge")


@pytest.mark.parametrize(
    ("asked", "tables", "beside_nulls"),
    [
        ({}, (), False),
        ({"measures": ("photometry",)}, ("photometry.csv",), True),
        ({"streams": (("spatial", StreamConfig(model="filterbank")),)}, ("validity.csv",), True),
        ({"judges": (MODEL,)}, ("recognition.csv",), True),
        # these have nulls of their own, or none
        ({"models": (MODEL,)}, ("cka.csv",), False),
        ({"prediction": PredictionSettings("none")}, ("prediction.csv",), False),
    ],
)
def test_tables_of_what_is_asked(asked, tables, beside_nulls):
    settings = Settings(**asked)
    assert settings.tables == (*ALWAYS, *tables)
    assert settings.beside_nulls is beside_nulls


def test_all_at_once_come_in_their_order():
    stream = ("spatial", StreamConfig(model="filterbank"))
    settings = Settings(
        models=(MODEL,), prediction=PredictionSettings("none"), measures=tuple(MEASURES),
        judges=(MODEL,), streams=(stream,),
    )  # fmt: skip
    assert settings.tables == TABLES
