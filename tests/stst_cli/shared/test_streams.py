"""What becomes of a command where standard output or error take nothing."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys

import pytest

from patience import patience, wait_for
from small_runs import PYTHONPATH, clip

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")

LOST = "Error: standard output: no space left on device; what was to be printed there is lost."

#: Commands by program, and what they leave in the folder.
COMMANDS = {
    "scramble": (["stst_cli", "scramble", "a.mkv", "-o", "s.npz"], "s.npz"),
    "scramble --json": (["stst_cli", "scramble", "a.mkv", "-o", "s.npz", "--json"], "s.json"),
    "batch": (
        ["stst_cli", "batch", "a.mkv", "--preset", "stps", "--seed", "1:3", "-o", "d", "--jobs",
         "2"],
        "d/summary.csv",
    ),
    "train-prednet": (
        ["stst_cli", "train-prednet", "a.mkv", "-o", "w.safetensors", "--size", "8x12", "--stack",
         "3,4", "--steps", "3", "--sequence", "3", "--device", "cpu"],
        "w.safetensors",
    ),
    "analyze batch": (
        ["stst_cli.analyze", "batch", "m.csv", "-o", "r"], "r/pairs.csv",
    ),
}  # fmt: skip


# ten seconds each: they start several programs, all of which share the streams of the others
_LONG = [
    pytest.param(one, marks=pytest.mark.slow) for one in ("batch", "train-prednet", "analyze batch")
]


@pytest.fixture
def here(tmp_path):
    clip(tmp_path / "a.mkv", count=4)
    clip(tmp_path / "b.mkv", count=4, seed=1)
    (tmp_path / "m.csv").write_text("natural,other\na.mkv,b.mkv\n")
    return tmp_path


def begun(here, words, **options) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "OMP_NUM_THREADS": "1"}
    environment |= options.pop("variables", {})
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen(
        [sys.executable, "-m", *words], cwd=here, env=environment, stdin=subprocess.DEVNULL, **given
    )


def ended(here, words, **options) -> tuple[int, str, str]:
    process = begun(here, words, **options)
    out, err = process.communicate(timeout=patience(120))
    return process.returncode, out or "", err or ""


@pytest.mark.parametrize("command", ["scramble", *_LONG])
def test_a_full_standard_output(here, command):
    words, made = COMMANDS[command]
    with open("/dev/full", "w") as full:
        code, _, err = ended(here, words, stdout=full)
    assert code == 1
    assert err.splitlines()[-1].startswith(LOST)
    assert err.count("Error") == 1
    assert (here / made).exists()
    assert not list(here.glob("*.run"))


@pytest.mark.parametrize("command", ["scramble --json", *_LONG])
def test_a_full_standard_error(here, command):
    words, made = COMMANDS[command]
    with open("/dev/full", "w") as full:
        code, out, _ = ended(here, words, stderr=full)
    assert code == 0
    assert made.partition("/")[0] in out
    assert (here / made).exists()
    if "--json" in words:
        json.loads(out)


def test_both_are_full(here):
    words, made = COMMANDS["scramble"]
    with open("/dev/full", "w") as full:
        assert ended(here, words, stdout=full, stderr=full)[0] == 1
    assert (here / made).exists()


@pytest.mark.parametrize("words", [["--help"], ["weights", "list"]])
def test_words_alone(here, words):
    with open("/dev/full", "w") as full:
        code, _, err = ended(here, ["stst_cli", *words], stdout=full)
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith(LOST)


def test_bad_input_stays_bad_input(here):
    with open("/dev/full", "w") as full:
        code, _, err = ended(here, ["stst_cli", "info", "no.mkv"], stdout=full)
        assert (code, err.startswith("Error: no.mkv does not exist")) == (2, True)
        assert ended(here, ["stst_cli", "info", "no.mkv"], stderr=full)[0] == 2


def test_a_reader_that_has_enough(here):
    heard, told = os.pipe()
    os.close(heard)
    words, made = COMMANDS["scramble"]
    code, _, err = ended(here, words, stdout=told)
    os.close(told)
    assert "Error" not in err
    assert "Broken pipe" not in err
    assert (here / made).exists()
    assert code == 1


def test_a_closed_standard_error(here):
    """Its number must not go to a file that is being written, nor its words to the results."""
    command = f'exec "{sys.executable}" -m stst_cli scramble a.mkv -o s.npz --json 2>&-'
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["sh", "-c", command], cwd=here, env=environment, stdout=subprocess.PIPE, text=True,
        timeout=patience(120), check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert json.loads(done.stdout)["outputs"][0]["master"] == "s.npz"


def test_a_terminal_that_is_gone(here):
    main, side = pty.openpty()
    words, made = COMMANDS["scramble"]
    process = begun(here, words, stderr=side, stdout=side)
    os.close(side)
    os.close(main)  # from here on, writing to it is an input/output error
    assert process.wait(timeout=patience(120)) == 1
    assert (here / made).exists()


@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_is_closed_asks_a_run_to_stop(here, ignored):
    """Unless the signal is ignored, as after `nohup`."""
    clip(here / "long.mkv", count=48, height=64, width=64)
    words = ["stst_cli", "synthesize", "long.mkv", "-o", "m.mkv", "--preset", "quick"]
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        process = begun(here, words, start_new_session=True, stdout=subprocess.DEVNULL)
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_for(lambda: list(here.glob("m.run/frames/*")) or process.poll() is not None, 120)
    os.killpg(process.pid, signal.SIGHUP)
    if ignored:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        os.killpg(process.pid, signal.SIGTERM)
    _, err = process.communicate(timeout=patience(60))
    assert process.returncode == 130
    assert "Continue with:" in err


@pytest.mark.parametrize("encoding", ["ascii", "cp437"])
def test_a_narrow_encoding(here, encoding):
    named = clip(here / "猫→.mkv")
    words = ["stst_cli", "info", named.name]
    code, out, err = ended(here, words, variables={"PYTHONIOENCODING": encoding})
    assert (code, err) == (0, "")
    assert "size:         20x18" in out
    if encoding != "ascii":  # where UTF-8 is written
        assert r"\u732b\u2192.mkv" in out
    words, made = COMMANDS["scramble"]
    code, *_ = ended(here, words, variables={"PYTHONIOENCODING": encoding})
    assert code == 0
    assert (here / made).exists()
