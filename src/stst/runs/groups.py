"""Samples that do not fit into memory side by side, made in smaller groups, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stst.engine.events import (
    Event,
    FrameDone,
    Interim,
    IterationDone,
    RunStarted,
)
from stst.engine.process import ClipProcess, Groupable, Process


def in_groups(
    process: Process | ClipProcess, groups: Sequence[Sequence[int]]
) -> Process | ClipProcess:
    """Make the samples of a process in groups, of which one at a time does a step.

    Parameters
    ----------
    process
        For all seeds.
    groups
        The seeds of each; together they are those of the process, in order.

    Returns
    -------
    Process or ClipProcess
        Its events hold all samples, as those of the process would; there are no previews. A
        sample has the bytes that a run of its group alone would give it.
    """
    if len(groups) == 1:
        return process
    assert isinstance(process, Groupable)
    parts = [process.with_seeds(tuple(seeds)) for seeds in groups]
    sizes = [len(seeds) for seeds in groups]
    if isinstance(process, ClipProcess):
        return _GroupedClips(
            process, [part for part in parts if isinstance(part, ClipProcess)], sizes
        )
    return _Grouped(process, parts, sizes)


class _Grouped:
    """Groups of a process that makes frame after frame."""

    def __init__(self, whole: Process, parts: Sequence[Any], sizes: Sequence[int]) -> None:
        self.whole, self.parts, self.sizes = whole, parts, sizes

    @property
    def size(self) -> tuple[int, int]:
        return self.whole.size

    @property
    def notes(self) -> Sequence[str]:
        return self.whole.notes

    def started(self) -> RunStarted:
        return self.whole.started()

    def interim(self) -> Interim | None:
        return _together([part.interim() for part in self.parts])

    def run(
        self,
        after: int | None = None,
        state: Tensor | None = None,
        preview_seconds: float | None = None,
        interim: Interim | None = None,
    ) -> Iterator[Event]:
        states: Sequence[Tensor | None] = [None] * len(self.sizes)
        if state is not None:
            states = torch.split(state, list(self.sizes))
        held = _apart(interim, self.sizes)
        runs = [
            part.run(after, one, None, own)
            for part, one, own in zip(self.parts, states, held, strict=True)
        ]
        for events in zip(*runs, strict=True):
            yield _merged(events)


class _GroupedClips:
    """Groups of a process that makes a clip as a whole."""

    def __init__(
        self, whole: ClipProcess, parts: Sequence[ClipProcess], sizes: Sequence[int]
    ) -> None:
        self.whole, self.parts, self.sizes = whole, parts, sizes

    @property
    def size(self) -> tuple[int, int]:
        return self.whole.size

    @property
    def notes(self) -> Sequence[str]:
        return self.whole.notes

    def started(self) -> RunStarted:
        return self.whole.started()

    def interim(self) -> Interim:
        merged = _together([part.interim() for part in self.parts])
        assert merged is not None
        return merged

    def course(self, sample: int) -> Mapping[str, Any]:
        for part, size in zip(self.parts, self.sizes, strict=True):
            if sample < size:
                return part.course(sample)
            sample -= size
        raise IndexError(sample)

    def run_clip(
        self, interim: Interim | None = None, preview_seconds: float | None = None
    ) -> Iterator[Event]:
        held = _apart(interim, self.sizes)
        runs = [part.run_clip(own) for part, own in zip(self.parts, held, strict=True)]
        for events in zip(*runs, strict=True):
            yield _merged(events)


def _merged(events: Sequence[Event]) -> Event:
    """Make one event for all samples of the groups' events."""
    first = events[0]
    if isinstance(first, IterationDone):
        steps = [one for one in events if isinstance(one, IterationDone)]
        seeds = tuple(seed for one in steps for seed in one.sample)
        values = torch.cat([one.values for one in steps])
        seen = {name: torch.cat([one.seen[name] for one in steps]) for name in first.seen}
        return replace(first, sample=seeds, values=values, seen=seen)
    if isinstance(first, FrameDone):
        frames = [one for one in events if isinstance(one, FrameDone)]
        return replace(
            first,
            images=np.concatenate([one.images for one in frames]),
            statistics=tuple(one for frame in frames for one in frame.statistics),
            state=np.concatenate([one.state for one in frames]),
            others={
                name: np.concatenate([one.others[name] for one in frames]) for name in first.others
            },
        )
    return first


def _together(parts: Sequence[Interim | None]) -> Interim | None:
    """Put the samples of groups that stand at the same step into one."""
    held = [part for part in parts if part is not None]
    if len(held) < len(parts):
        return None
    arrays = {name: np.concatenate([one.arrays[name] for one in held]) for name in held[0].arrays}
    return replace(held[0], arrays=arrays)


def _apart(interim: Interim | None, sizes: Sequence[int]) -> list[Interim | None]:
    """Give every group its samples."""
    if interim is None:
        return [None] * len(sizes)
    ends = np.cumsum(sizes)[:-1]
    split = {name: np.split(array, ends) for name, array in interim.arrays.items()}
    return [
        replace(interim, arrays={name: arrays[group] for name, arrays in split.items()})
        for group in range(len(sizes))
    ]
