from __future__ import annotations

import os
import time

import pytest

import patience as module
from patience import patience, slowness, wait_for


@pytest.fixture
def idle(monkeypatch):
    """Two cores without work; counting takes as long as it should."""
    monkeypatch.setattr(module, "available_cores", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.0, 0.0), raising=False)
    monkeypatch.setattr(module, "_COUNTED", 1e6)


def test_a_machine_without_work(idle):
    assert slowness() == 1.0
    assert patience(2.0) == 6.0


def test_other_work(idle, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (9.0, 0.0, 0.0), raising=False)
    assert slowness() == 5.0


def test_a_slow_machine(idle, monkeypatch):
    monkeypatch.setattr(module, "_COUNTED", 1e-6)
    assert slowness() > 100


def test_what_comes_is_given():
    answers = iter([None, "", "there"])
    assert wait_for(lambda: next(answers)) == "there"


def test_what_does_not_come(idle):
    began = time.monotonic()
    with pytest.raises(AssertionError, match="not within 0 s"):
        wait_for(lambda: False, 0.05)
    assert time.monotonic() - began >= 0.15


def test_the_machine_is_looked_at_again(idle, monkeypatch):
    looks = iter([(0.1,), (1e9,)])
    monkeypatch.setattr(os, "getloadavg", lambda: next(looks, (1e9,)), raising=False)
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 0.2, 0.02)
