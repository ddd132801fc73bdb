from __future__ import annotations

import cv2
import numpy as np
import pytest

from moving_patterns import drift, texture
from stst import InputError
from stst.analysis.features import PAPER_FLOW as FLOW_OF_FEATURES
from stst.analysis.measures.flow import PAPER_FLOW, Dis, Farneback, dense_flow, flow_grey

METHODS = (PAPER_FLOW, Dis(), Dis("fast"))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("right", "down"), [(2, 0), (0, 1), (-1, 1.5)])
def test_it_points_to_where_things_go(method, right, down):
    before, now = map(flow_grey, drift(right, down, 2).frames)
    field = dense_flow(before, now, method)
    assert field.dtype == np.float32
    inner = field[10:-10, 10:-10].reshape(-1, 2)
    np.testing.assert_allclose(np.median(inner, axis=0), [right, down], atol=0.1)


def test_the_parameters_of_the_paper():
    """Greco & Siegel (2024), methods; and those of `Farneback` are passed on."""
    assert FLOW_OF_FEATURES is PAPER_FLOW
    before, now = map(flow_grey, drift(1, 0.5, 2).frames)
    expected = cv2.calcOpticalFlowFarneback(
        before, now, None, pyr_scale=0.5, levels=5, winsize=13, iterations=10, poly_n=5,
        poly_sigma=1.1, flags=0,
    )  # fmt: skip
    assert np.array_equal(dense_flow(before, now), expected)
    other = Farneback(0.6, 2, 9, 3, 7, 1.5)
    expected = cv2.calcOpticalFlowFarneback(before, now, None, 0.6, 2, 9, 3, 7, 1.5, 0)
    assert np.array_equal(dense_flow(before, now, other), expected)


def test_dis_as_opencv_has_it():
    before, now = map(flow_grey, drift(1, 0.5, 2).frames)
    opencv = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    expected = opencv.calc(before, now, None)
    for _ in range(2):
        assert np.array_equal(dense_flow(before, now, Dis()), expected), "whatever came before"
        dense_flow(now, before, Dis())
    assert not np.array_equal(dense_flow(before, now, Dis("fast")), expected)


def test_names():
    assert [method.name for method in METHODS] == ["farneback", "dis", "dis"]


@pytest.mark.parametrize("shape", [(15, 100), (100, 15), (1, 1)])
def test_dis_needs_room(shape):
    """Of less, it reads memory that is not its own."""
    frame = np.zeros(shape, np.uint8)
    with pytest.raises(InputError, match=f"{shape[0]}x{shape[1]} px; .* DIS needs 16 px"):
        dense_flow(frame, frame, Dis())
    assert np.isfinite(dense_flow(frame, frame)).all()


def test_dis_of_the_least_size():
    frame = np.rint(texture(height=16, width=300)).astype(np.uint8)
    assert np.isfinite(dense_flow(frame, frame[::-1].copy(), Dis())).all()


def test_grey_is_rounded_to_even():
    frame = np.array([[[0, 0, 0], [255, 255, 255], [1, 0, 0], [2, 0, 0], [0, 1, 0]]], np.uint8)
    assert flow_grey(frame).tolist() == [[0, 255, 0, 1, 1]]
    halves = np.array([[[5, 0, 44], [0, 250, 0]]], np.uint8)  # 6.511 and 146.75
    assert flow_grey(halves).tolist() == [[7, 147]]
