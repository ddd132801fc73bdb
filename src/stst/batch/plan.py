"""From requests to jobs: a config each, and names inside one folder that never clash."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from stst.batch import bids
from stst.batch.errors import Problems
from stst.batch.manifest import JobRequest
from stst.config import (
    METHODS,
    RunConfig,
    build,
    merge,
    paths_beside,
    preset_for,
    preset_method,
    read_config_file,
    set_override,
    set_value,
)
from stst.config.methods import BUILT_IN
from stst.config.presets import Tree
from stst.config.sources import MODEL_KEYS, check_trust
from stst.errors import InputError
from stst.runs.outputs import MASTERS, Output, outputs_for
from stst.utils.files import resolve_path
from stst.utils.names import label_key, label_problem, usable
from stst.video.formats.ffmpeg import VIDEO_SUFFIXES

Layout = Literal["plain", "bids"]

# commands are methods, too
_COMMANDS = {spec.command: name for name, spec in BUILT_IN.items() if spec.command != name}
# of the folder itself; no stimulus may be called so
_RESERVED = ("jobs", "summary", "stimuli", "dataset_description")


# thousands of jobs have the same
_preset_for, _preset_method = cache(preset_for), cache(preset_method)


@dataclass(frozen=True)
class BatchDefaults:
    """What a command says of all its jobs; what a row says itself wins.

    Attributes
    ----------
    preset, config
        Where a row names none.
    seeds
        Where a row names none: one job each.
    options
        Keys of a config, over the preset's and the file's.
    assignments
        ``KEY=VALUE``, over the options.
    trusted
        Models that files may name.
    """

    preset: str | None = None
    config: Path | None = None
    seeds: tuple[int, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    assignments: tuple[str, ...] = ()
    trusted: Collection[str] = ()


@dataclass(frozen=True)
class BatchJob:
    """One stimulus to be made.

    Attributes
    ----------
    label
        Names it: its outputs' common stem, different from all others even on systems that do not
        tell capitals apart.
    folder
        Where outputs go.
    output
        Name of the master in there; a folder of pictures ends in ``/``.
    natural
        The clip; None where the method does without.
    named
        The clip as it was written.
    config
        One sample.
    preset, config_file
        What the config was made from.
    group
        Jobs of the same group differ in their seed alone and are called ``<group>_seed<seed>``;
        None where the output was named.
    where
        The place in the manifest, for messages.
    """

    label: str
    folder: Path
    output: str
    natural: Path | None
    named: str
    config: RunConfig
    preset: str
    config_file: str
    group: str | None
    where: str

    @property
    def seed(self) -> int:
        """Of the one sample."""
        return self.config.seed

    @property
    def target(self) -> str:
        """The master, as `stst.runs.job.Job` wants it."""
        return str(self.folder / self.output) + ("/" if self.output.endswith("/") else "")

    @cached_property
    def files(self) -> Output:
        """Master, preview and sidecar."""
        return outputs_for(self.target, (0,))[0]

    @property
    def run_folder(self) -> Path:
        """Where the run lives until it is whole."""
        return self.files.with_ending(".run")

    @property
    def group_folder(self) -> Path | None:
        """Where a run of several seeds of the group lives; None where there is no group."""
        return None if self.group is None else self.folder / f"{self.group}.run"

    def columns(self) -> dict[str, Any]:
        """Give the columns of tables that say what it is."""
        return {
            "label": self.label,
            "natural": self.named,
            "method": self.config.method,
            "preset": self.preset,
            "config": self.config_file,
            "seed": self.seed,
        }

    def inputs(self) -> dict[str, Path]:
        """Give the input files by role."""
        from stst.runs.job import Job  # needs torch, which takes its time to load

        return Job(self.natural, self.target, self.config).paths()


def plan_jobs(
    requests: Sequence[JobRequest],
    folder: Path,
    defaults: BatchDefaults,
    problems: Problems,
    layout: Layout = "plain",
) -> list[BatchJob]:
    """Turn requests into jobs.

    Parameters
    ----------
    requests
        See `stst.batch.manifest`.
    folder
        Where outputs go.
    defaults
        What holds for all.
    problems
        Takes what is wrong with single jobs.
    layout
        ``"bids"``: see `stst.batch.bids`.

    Returns
    -------
    list of BatchJob
        In order, without those that are wrong.
    """
    alike = _clips_by_stem(requests)
    jobs: list[BatchJob] = []
    taken = {label_key(name): ("the batch itself", name) for name in _RESERVED}
    for request in requests:
        several = request.seed is None and defaults.seeds
        for seed in defaults.seeds if several else (request.seed,):
            with problems.collect(request.where):
                job = _job(request, seed, defaults, alike, folder, layout)
                _claim(job, taken)
                jobs.append(job)
    return jobs


def _clips_by_stem(requests: Sequence[JobRequest]) -> dict[str, set[str]]:
    """Find which clips are called alike."""
    paths: dict[str, set[str]] = {}
    for request in requests:
        if request.natural_path is not None:
            key = label_key(_stem(request.natural_path))
            paths.setdefault(key, set()).add(str(request.natural_path.absolute()))
    return paths


def _stem(path: Path) -> str:
    return usable(path.name if os.path.isdir(path) else path.stem)


def _job(
    request: JobRequest,
    seed: int | None,
    defaults: BatchDefaults,
    alike: Mapping[str, Collection[str]],
    folder: Path,
    layout: Layout,
) -> BatchJob:
    tree, preset, config_file = _tree(request, defaults)
    tree = _with_settings(tree, request, defaults)
    if seed is not None:
        tree = merge(tree, {"seed": seed})
    config = build(tree, METHODS[tree["method"]].config, request.where)
    if config.samples != 1:
        raise InputError(f"samples is {config.samples}; give several seeds instead.")
    path = request.natural_path
    if path is None and METHODS[config.method].needs_clip:
        raise InputError(f"natural is missing, and the method {config.method} needs a clip.")
    # a clip is named by its stem, and by its folder as well where two are called alike
    stem = _stem(path) if path else usable(str(getattr(config, "target", "")))
    if path and len(alike[label_key(stem)]) > 1:
        stem = usable(f"{path.absolute().parent.name}_{stem}")
    label, output, group = _names(request, config.seed, stem, preset, config_file, layout)
    return BatchJob(
        label, folder, output, path, request.natural or "", config, preset, config_file, group,
        request.where,
    )  # fmt: skip


def _with_settings(tree: Tree, request: JobRequest, defaults: BatchDefaults) -> Tree:
    """Set what a row says itself."""
    for key, value in request.settings.items():
        if key.split(".")[0] in ("samples", "seed", "method"):
            raise InputError(
                f"{request.where}: {key}: a row makes one stimulus by one method; 'seed' may be a "
                "range A:B, and 'method' is a field of its own."
            )
        if (key.startswith("targets.") or key == "mask") and isinstance(value, str):
            value = str(resolve_path(value, request.folder))
        tree = set_value(tree, key, value)
    if request.settings:
        check_trust(_own(request.settings), defaults.trusted, request.where)
    return tree


def _tree(request: JobRequest, defaults: BatchDefaults) -> tuple[Tree, str, str]:
    """Merge preset, file and options; give the names of the first two as well."""
    config_path = (
        defaults.config if request.config is None else resolve_path(request.config, request.folder)
    )
    from_file: Tree = {}
    if config_path is not None:
        read = read_config_file(config_path, defaults.trusted)
        from_file = paths_beside(read, config_path)
    preset = request.preset or defaults.preset
    method = _method(request, preset, from_file)
    check_trust({"method": method}, defaults.trusted, request.where)
    if preset is None:
        preset = METHODS[method].default_preset or ""
    base = _preset_for(preset, method, "preset ") if preset else {}
    tree = merge(base, from_file, defaults.options)
    for assignment in defaults.assignments:
        tree = set_override(tree, assignment)
    return {**tree, "method": method}, preset, "" if config_path is None else str(config_path)


def _method(request: JobRequest, preset: str | None, from_file: Mapping[str, Any]) -> str:
    """Take the method that is named, or the preset's, or the file's, or style transfer."""
    said = request.method
    if said is not None:
        method = _COMMANDS.get(said, said)
    elif preset is not None:
        method = _preset_method(preset)
    else:
        method = str(from_file.get("method", "stst"))
    if method not in METHODS:
        raise InputError(f"method is {method!r}; allowed are {', '.join([*METHODS, *_COMMANDS])}.")
    if from_file.get("method", method) != method:
        raise InputError(
            f"config is for the method {from_file['method']!r}, and the job is for {method!r}."
        )
    return method


def _own(settings: Mapping[str, Any]) -> Tree:
    """Nest settings again, as far as models are named in them."""
    tree: Tree = {}
    for key in MODEL_KEYS:
        if key in settings:
            tree = set_value(tree, key, settings[key])
    for key in ("spatial", "temporal"):
        if isinstance(settings.get(key), dict):
            tree = merge(tree, {key: settings[key]})
    return tree


def _names(
    request: JobRequest, seed: int, stem: str, preset: str, config_file: str, layout: Layout
) -> tuple[str, str, str | None]:
    """Give label, output and group of a job."""
    group = None
    if request.output is not None:
        output = _output(request.output)
        label = output[:-1] if output.endswith("/") else output[: output.rfind(".")]
    else:
        # a name says what its own row says, so that it does not change with other rows
        settings = [
            f"{key}-{value}"
            for key, value in sorted(request.settings.items())
            if key != "target" or request.natural is not None  # else the name begins with it
        ]
        file = [Path(config_file).stem] if config_file else []
        parts = [stem, preset, *file, *settings]
        group = usable("_".join(part for part in parts if part))
        label = f"{group}_seed{seed}"
        output = f"{label}.mkv"
    if layout == "bids":
        if not output.endswith(".mkv"):
            raise InputError(f"output is {request.output!r}; in the layout bids a video is X.mkv.")
        label = bids.video_name(label)
        output, group = f"{bids.FOLDER}/{label}.mkv", None
    problem = label_problem(label)
    if problem:
        hint = "" if request.output is not None else " Give the row an 'output'."
        raise InputError(f"output: the name {label!r} {problem}{hint}")
    return label, output, group


def _output(name: str) -> str:
    """Complete the name of a master; whether it is safe, is seen from its label."""
    name = name.strip()
    if name.endswith("/") or name.endswith(MASTERS):
        return name
    suffix = Path(name).suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        raise InputError(
            f"output is {name!r}; a stimulus is written without loss, as {', '.join(MASTERS)}, or "
            "as a folder of PNG files (a name that ends in /)."
        )
    return f"{name}.mkv"


def _claim(job: BatchJob, taken: dict[str, tuple[str, str]]) -> None:
    """Refuse a name that another job's files have, on any system."""
    files = job.files
    names = {job.label, *(path.name for path in files.files().values()), job.run_folder.name}
    others = [files.beside(name) for name in job.config.extra_outputs(job.natural is not None)]
    names |= {path.name for other in others for path in (other.master, other.sidecar)}
    owners = dict.fromkeys(sorted(names), job.label)
    if job.group is not None:
        # of seeds that are made side by side
        owners[f"{job.group}.run"] = f"{job.natural} {without_seed(job.config)}"
    for name, owner in owners.items():
        other = taken.get(label_key(name))
        if other is not None and (other[1] != owner or owner == job.label):
            raise InputError(
                f"output: {name!r} would be a file of {other[0]}, too. Names must differ in more "
                "than capitals: give the rows an 'output', or leave out what comes twice."
            )
    taken |= {label_key(name): (job.where, owner) for name, owner in owners.items()}


def without_seed(config: RunConfig) -> str:
    """Give what is the same in configs that differ in their seed alone."""
    return config.model_dump_json(exclude={"seed", "samples"})
