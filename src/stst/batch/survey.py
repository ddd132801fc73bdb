"""What is to be done of a batch: by this program, and not yet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from stst.batch.plan import BatchJob
from stst.batch.problems import Problems
from stst.batch.standing import Standing, standing
from stst.batch.states import States
from stst.batch.work import Task, refusal
from stst.errors import InputError
from stst.utils.files import sha256_of


@cache
def _hashed(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error


def surveyed(
    jobs: Sequence[BatchJob], states: States, overwrite: bool, problems: Problems
) -> dict[str, Standing]:
    """Look at what is on disk of jobs.

    Parameters
    ----------
    jobs
        Those that this program is to do.
    states
        What became of them before.
    overwrite
        Whether what was made otherwise is replaced.
    problems
        Takes what may not be replaced.

    Returns
    -------
    dict
        By label.
    """
    _hashed.cache_clear()  # files may have changed since
    found: dict[str, Standing] = {}
    for job in jobs:
        with problems.noted(job.where):
            one = standing(job, _hashed, states.get(job).get("asked"))
            if one.kind == "changed" and not overwrite:
                problems.note(refusal(one), job.where)
            found[job.label] = one
    return found


def shard_of(tasks: Sequence[Task], shard: tuple[int, int]) -> list[Task]:
    """Give one of n parts: the first takes the tasks 1, n+1, 2n+1, …

    Parameters
    ----------
    tasks
        All of a manifest, whatever is done already: so each part stays the same.
    shard
        Its number from 1, and n.
    """
    number, count = shard
    return list(tasks[number - 1 :: count])
