"""Whatever a manifest holds, it is refused in lines of text, or it is a plan inside the folder."""

from __future__ import annotations

from pathlib import Path

import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from stst.batch.errors import BatchError, Problems
from stst.batch.manifest import read_manifest
from stst.batch.plan import BatchDefaults, plan_jobs
from stst.errors import InputError

KEYS = st.sampled_from(
    ["natural", "method", "preset", "config", "seed", "output", "sweep", "blend", "octaves",
     "octaves.0.iterations", "spatial", "spatial.model", "targets.color", "mask", "samples",
     "model", "target", "device", "x", "", ".", "a..b"],
) | st.text(max_size=5)  # fmt: skip
TEXTS = st.sampled_from(
    ["clip.npz", "*.npz", "**/*", "[", "fast", "stps", "leaps", "synthesize", "1:3", "0:9999999",
     "..",
     "../x", "/etc/passwd", "CON", "a/b", "x.mkv", "x/", "evil:model", "~", "{", "\0", "\u202e"],
) | st.text(max_size=8)  # fmt: skip
SCALARS = TEXTS | st.integers(-2, 2**65) | st.floats() | st.booleans()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def check(path: Path) -> None:
    problems = Problems()
    try:
        jobs = plan_jobs(
            read_manifest(path, problems), path.parent / "out", BatchDefaults(), problems
        )
        problems.check()
    except InputError as error:
        lines = error.problems if isinstance(error, BatchError) else (str(error),)
        if all(line and "\n" not in line for line in lines):
            return
        raise
    for job in jobs:
        for file in (*job.files.files().values(), job.run_folder):
            assert file.parent == path.parent / "out"
    assert len({job.files.sidecar for job in jobs}) == len(jobs)


@settings(max_examples=25)
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=3), VALUES)
def test_toml(tmp_path_factory, tables, defaults):
    path = tmp_path_factory.mktemp("x") / "jobs.toml"
    try:
        text = tomli_w.dumps({"jobs": tables, "defaults": defaults})
        path.write_text(text, "utf-8")
    except (ValueError, TypeError, UnicodeEncodeError):
        return
    check(path)


@settings(max_examples=25)
@given(
    st.lists(KEYS, min_size=1, max_size=4),
    st.lists(st.lists(TEXTS | st.integers().map(str), min_size=1, max_size=4), max_size=4),
)
def test_csv(tmp_path_factory, header, rows):
    path = tmp_path_factory.mktemp("x") / "jobs.csv"
    text = "\n".join(",".join(f'"{cell}"' for cell in row) for row in [header, *rows])
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    check(path)
