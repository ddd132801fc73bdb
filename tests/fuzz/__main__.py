"""``python -m fuzz``: read damaged inputs and say what became of them."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
KEPT = _HERE / "failures"
#: One thread a process, set before any library reads it.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def main(words: list[str] | None = None) -> int:
    """Run what the words ask for; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=5000, help="inputs of each format")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--format", action="append", dest="names", help="only this one; repeatable")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--keep", type=Path, default=KEPT, help="folder of inputs that failed")
    parser.add_argument(
        "--replay", action="store_true", help="read one input in this process, with the traceback"
    )
    asked = parser.parse_args(words)

    from fuzz import pool
    from fuzz.formats import FORMATS

    unknown = set(asked.names or ()) - {one.name for one in FORMATS}
    if unknown:
        parser.error(
            f"no such format: {', '.join(sorted(unknown))}. There are: "
            + ", ".join(one.name for one in FORMATS)
        )
    table: list[tuple[Any, ...]] = []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        area = Path(name).resolve()
        canary = plant(area)
        for form in FORMATS:
            if asked.names and form.name not in asked.names:
                continue
            place = area / form.name
            (place / "whole").mkdir(parents=True)
            state = form.prepare(place / "whole")
            if asked.replay:
                pool.put(pool.files_of(form, state, asked.seed, asked.first), place / "in")
                print(f"{place / 'in'}", file=sys.stderr)
                form.read(place / "in")
                return 0
            began, counts = time.monotonic(), Counter[str]()
            numbers = range(asked.first, asked.first + asked.count)
            for one in pool.run(form, state, numbers, asked.seed, place, canary, asked.jobs):
                counts[one.outcome] += 1
                if one.outcome in pool.FAILURES:
                    _keep(form, state, asked.seed, one, asked.keep, counts[one.outcome])
            table.append(
                (
                    form.name,
                    asked.count,
                    *(counts[o] for o in (pool.ACCEPTED, pool.REFUSED, *pool.FAILURES)),
                    f"{time.monotonic() - began:.0f} s",
                )
            )
            assert sum(counts.values()) == asked.count, counts
            shutil.rmtree(place)
            print(" ".join(map(str, table[-1])), file=sys.stderr, flush=True)
    header = ("format", "inputs", pool.ACCEPTED, pool.REFUSED, *pool.FAILURES, "time")
    for row in (header, *table):
        print("".join(f"{cell!s:>12}" for cell in row))
    return 1 if any(sum(row[4 : 4 + len(pool.FAILURES)]) for row in table) else 0


def plant(area: Path) -> Path:
    """Put a module into the path that tells if it is imported; give the file by which it does."""
    canary = area / "canary" / "sang"
    canary.parent.mkdir()
    os.environ["FUZZ_CANARY"] = str(canary)
    module = canary.parent / "fuzz_canary.py"
    module.write_text(f"from pathlib import Path\nPath({str(canary)!r}).touch()\ndef make(): ...\n")
    sys.path.append(str(canary.parent))
    return canary


def _keep(form: Any, state: Any, seed: int, result: Any, folder: Path, nth: int) -> None:
    """Keep an input that failed, of many of a kind the first ones, and say how to read it again."""
    from fuzz import pool

    again = f"python -m fuzz --format {form.name} --seed {seed} --first {result.number} --replay"
    if nth > 20:
        return
    print(
        f"{form.name} {result.number}: {result.outcome}: {result.detail[:600]}\n    {again}",
        file=sys.stderr,
        flush=True,
    )
    place = folder / f"{form.name}-{seed}-{result.number}"
    pool.put(pool.files_of(form, state, seed, result.number), place)
    (place / "why.txt").write_text(
        f"{result.outcome}: {result.detail}\n{again}\n", "utf-8", "backslashreplace"
    )


if __name__ == "__main__":
    sys.exit(main())
