"""Names and notes that would do something to a terminal are written out."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys

import pytest

from patience import patience
from small_runs import clip, refused, stst, stst_analyze
from stst.utils.text import UNPRINTABLE

#: Clears the screen, begins a line of its own, hides the suffix, runs a script in a browser.
EVIL = "a\x1b[2J\nError: \u202e\x9b31m<script>alert(1)</script>"
SHOWN = r"a\u001b[2J\nError: \u202e\u009b31m<script>alert(1)<"


@pytest.fixture
def evil(tmp_path):
    folder = tmp_path / EVIL.partition("/")[0]
    folder.mkdir()
    return clip(folder / "script>.mkv")


def quiet(text: str) -> bool:
    return all(not UNPRINTABLE.search(line.replace("\t", "")) for line in text.split("\n"))


def test_info(evil):
    said = stst("info", evil).stdout
    assert SHOWN in said
    assert quiet(said)
    assert json.loads(stst("info", evil, "--json").stdout)["path"] == str(evil)


def test_an_error(evil):
    line = refused(stst("info", evil.with_name("missing.mkv")), SHOWN, "does not exist")
    assert quiet(line)


def test_what_a_sidecar_says(tmp_path):
    path = clip(tmp_path / "a.mkv")
    told = {"method": EVIL, "seed": [EVIL], "inputs": [{"path": EVIL, "role": EVIL}],
            "output": {"path": EVIL}, "warnings": [EVIL, {EVIL: EVIL}]}  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(told))
    said = stst("info", path).stdout
    assert said.count(SHOWN) >= 5
    assert quiet(said)
    for warnings in (7, True, {"a": 1}, "text"):
        (tmp_path / "a.json").write_text(json.dumps({**told, "warnings": warnings}))
        assert quiet(stst("info", path).stdout)


def test_what_is_made_of_it(evil, tmp_path):
    made = stst("convert", evil, evil.with_name("b.npz"))
    assert SHOWN in made.stdout
    assert quiet(made.stdout + made.stderr)
    scrambled = stst("scramble", evil, "-o", evil.with_name("s.mkv"))
    assert scrambled.exit_code == 0, scrambled.stderr
    assert SHOWN in scrambled.stdout
    assert quiet(scrambled.stdout + scrambled.stderr)
    compared = stst_analyze("compare", evil, evil.with_name("s.mkv"), "-o", tmp_path / "t.csv")
    assert compared.exit_code == 0, compared.stderr
    assert quiet(compared.stdout + compared.stderr)


def test_tables_are_exact_in_files_and_harmless_on_a_terminal(evil):
    words = [sys.executable, "-m", "stst_cli.analyze", "features", str(evil)]
    piped = subprocess.run(words, capture_output=True, text=True, timeout=patience(120), check=True)
    assert str(evil) in piped.stdout
    for more in ([], ["--json"]):
        main, side = pty.openpty()
        process = subprocess.Popen([*words, *more], stdout=side, stderr=subprocess.DEVNULL)
        os.close(side)
        shown = b""
        while select.select([main], [], [], patience(60))[0]:
            try:
                block = os.read(main, 65536)
            except OSError:
                break
            shown += block
        os.close(main)
        assert process.wait(timeout=patience(60)) == 0
        assert quiet(shown.decode().replace("\r\n", "\n"))
        assert b"u202e" in shown
