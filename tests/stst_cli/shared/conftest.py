from __future__ import annotations

import re

import pytest


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def said(capsys):
    def lines():
        plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", capsys.readouterr().err)
        return [line.rstrip() for line in plain.splitlines() if line.strip()]

    return lines
