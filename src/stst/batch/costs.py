"""Whether jobs can be done, and what they will cost, before anything is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch

from stst.batch.errors import Problems
from stst.batch.plan import BatchJob, without_seed
from stst.config import RunConfig
from stst.errors import StstError
from stst.runs.job import Job
from stst.utils.machine import available_cores

# clips and seeds that a warning names
_SHOWN = 3


@dataclass(frozen=True)
class Cost:
    """What one job takes.

    Attributes
    ----------
    frames, size, fps
        Of the stimulus: number, height and width in pixels, rate in Hz.
    device
        Where it is computed.
    seconds, memory
        Estimated: for the whole job, and at its peak in bytes.
    notes
        What a user should know beforehand.
    """

    frames: int
    size: tuple[int, int]
    fps: str
    device: str
    seconds: float
    memory: int
    notes: tuple[str, ...]


def warn_of_shared_noise(jobs: Sequence[BatchJob]) -> list[str]:
    """Warn of clips that share a seed and its noise, so that stimuli are not independent.

    Parameters
    ----------
    jobs
        All of a batch.

    Returns
    -------
    list of str
        A sentence for every set of such clips.
    """
    clips: dict[tuple[str, int], dict[str, None]] = {}
    for job in jobs:
        if job.config.noise == "shared":
            # noise of other methods is drawn for other purposes
            clips.setdefault((job.config.method, job.seed), {})[_whose(job)] = None
    seeds: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for (method, seed), names in clips.items():
        if len(names) > 1:
            seeds.setdefault((method, tuple(names)), []).append(seed)
    return [
        f'noise is "shared", and {len(names)} clips have the same '
        f"{'seed' if len(found) == 1 else 'seeds'} {_some(list(map(str, found)))} "
        f"({_some(names)}): their stimuli will not be independent. Give each clip a seed of its "
        'own, or leave noise at "per_clip".'
        for (_, names), found in seeds.items()
    ]


def _whose(job: BatchJob) -> str:
    """Name what noise goes by: a clip and its range, or a class."""
    if job.natural is None:
        return f"class {getattr(job.config, 'target', None)}"
    frames = job.config.input.frames
    return str(job.natural) if frames is None else f"{job.natural} frames {frames}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def measure_costs(
    jobs: Sequence[BatchJob],
    problems: Problems,
    threads: int,
    here: bool = True,
    on_job: Callable[[int], None] = lambda done: None,
) -> dict[str, Cost]:
    """Open the clips of every job, load its models once for jobs alike, and time a few steps.

    Parameters
    ----------
    jobs
        To be checked.
    problems
        Takes what is wrong with single jobs.
    threads
        That each job computes on.
    here
        Whether the jobs run on this machine, so that its devices have to do.
    on_job
        Called with the number of jobs that are checked.

    Returns
    -------
    dict
        By label, of the jobs that can be done.
    """
    known: dict[str, Cost | str] = {}
    kinds: dict[str, str] = {}
    out: dict[str, Cost] = {}
    for number, job in enumerate(jobs):
        on_job(number)
        one = Job(job.natural, job.target, _config(job, here), threads=threads)
        config = without_seed(job.config)
        with problems.collect(job.where):
            files = f"{config} {job.natural}"
            if files not in kinds:
                kinds[files] = f"{config} {_shapes(one)}"
            kind = kinds[files]
            if kind not in known:
                try:
                    known[kind] = _cost(one)
                except StstError as error:
                    known[kind] = str(error)
            cost = known[kind]
            if isinstance(cost, str):
                problems.note(cost, job.where)
            else:
                out[job.label] = cost
    torch.cuda.empty_cache()  # for the processes that will do the work
    return out


def processes_for(costs: Iterable[Cost], threads: int, free: int | None) -> int:
    """Choose how many jobs run side by side.

    Parameters
    ----------
    costs
        Of the jobs.
    threads
        That each computes on.
    free
        Memory in bytes that can still be used; None where that is not known.

    Returns
    -------
    int
        As many as there are cores for; fewer where memory would not do for the largest, and one
        where a graphics card does the work.
    """
    listed = list(costs)
    if any(not cost.device.startswith("cpu") for cost in listed):
        return 1
    processes = max(1, available_cores() // threads)
    largest = max((cost.memory for cost in listed), default=0)
    if free is not None and largest:
        processes = min(processes, max(1, free // largest))
    return processes


def _config(job: BatchJob, here: bool) -> RunConfig:
    """Check what runs elsewhere on this machine's CPU."""
    if here:
        return job.config
    precision = "fp32" if job.config.precision == "tf32" else job.config.precision
    return job.config.model_copy(update={"device": "cpu", "precision": precision})


def _shapes(one: Job) -> str:
    """Tell what of the clips makes a difference to what a job takes."""
    clips = sorted(one.clips().items())
    return str([(role, clip.frames.shape, str(clip.fps)) for role, clip in clips])


def _cost(one: Job) -> Cost:
    prepared = one.prepared
    estimate = one.estimate(prepared)
    started = prepared.process.describe()
    return Cost(
        started.frames,
        prepared.process.size,
        str(prepared.fps),
        str(prepared.device),
        estimate.seconds,
        estimate.memory,
        tuple(one.notes(prepared)),
    )
