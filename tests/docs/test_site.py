"""The check of the built site finds what is wrong, and the site as it is has nothing of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOUND = """<html><head><link rel="stylesheet" href="site.css"></head><body>
<h1 id="top-of-it">It</h1>
<a href="#top-of-it">up</a> <a href="other.html#there">on</a> <a href="https://example.org">away</a>
<img src="picture.png"></body></html>"""


def checked(site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "docs" / "check_site.py"), str(site)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def site(tmp_path):
    (tmp_path / "index.html").write_text(SOUND)
    (tmp_path / "other.html").write_text('<p id="there">Other</p>')
    (tmp_path / "site.css").write_text("p { background: url(picture.png) }")
    (tmp_path / "picture.png").write_bytes(b"")
    return tmp_path


def test_a_sound_site_passes(site):
    done = checked(site)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2 pages, no broken link")


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("#top-of-it", "#elsewhere", "index.html: #elsewhere has no such place"),
        ("other.html#there", "none.html", "index.html: none.html is missing"),
        ("other.html#there", "other.html#here", "index.html: other.html#here has no such place"),
        ('"picture.png"', '"none.png"', "index.html: none.png is missing"),
        ('"picture.png"', '"https://a.org/b.png"', "loads https://a.org/b.png from elsewhere"),
        ('"site.css"', '"//a.org/b.css"', "index.html: loads //a.org/b.css from elsewhere"),
    ],
)
def test_what_is_wrong_is_named(site, before, after, found):
    (site / "index.html").write_text(SOUND.replace(before, after))
    done = checked(site)
    assert done.returncode == 1
    assert found in done.stderr


def test_styles_that_ask_the_network_are_named(site):
    (site / "site.css").write_text('@import "https://a.org/b.css";')
    assert "site.css: loads something from elsewhere" in checked(site).stderr


def test_no_page_at_all_is_a_failure(tmp_path):
    done = checked(tmp_path)
    assert (done.returncode, done.stderr) == (1, f"{tmp_path} holds no page.\n")


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("furo", reason="make docs installs what builds the site")
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("_build"))
    for name in ("CONTRIBUTING.md", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", "html"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert checked(tmp_path / "html").returncode == 0
