"""From a stimulus and a config to an inversion that can start, and inversion without files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from stst.config import LeapsConfig
from stst.engine.events import Event
from stst.engine.process import Prepared, refuse_input, run_in_memory
from stst.errors import InputError
from stst.methods.leaps.classes import class_index
from stst.methods.leaps.classifiers import (
    VideoModel,
    check_normalization,
    check_verifier,
    load_video_model,
)
from stst.methods.leaps.inversion import Inversion
from stst.methods.leaps.objective import LeapsObjective
from stst.utils.devices import numerics, pick_device
from stst.utils.noise import ClipKey
from stst.video import Clip, Video

# of a clip whose model says nothing and that has no stimulus
_LENGTH, _RATE = 16, Fraction(15)


def prepare(clips: Mapping[str, Clip], config: LeapsConfig) -> Prepared:
    """Load the models, find the class, and bring the stimulus to the model.

    Parameters
    ----------
    clips
        ``"stimulus"``, or nothing to invert without priming.
    config
        What is to be done; frame range and size have been applied to the stimulus already.

    Raises
    ------
    InputError
        If there is no such class or model, the stimulus is too short or of another size, the
        verifier has no batch normalisation, or the device cannot do what is asked.
    """
    if config.target is None:
        raise InputError(
            "target: which class is the clip made for? Give `target`, e.g. "
            '`target="juggling balls"`, or its number.'
        )
    stimulus = clips.get("stimulus")
    device = pick_device(config.device)
    with numerics(device, config.precision):
        model = load_video_model(config.model, config.weights, config.size).to(device)
        length, size = _shape(config, model, stimulus)
        target = class_index(
            config.target, model.categories, model.classes(length, size), config.model
        )
        timed = _time(config, model, stimulus, length, size)
        rate = _rate(config, model, stimulus)
        verifier = _verifier(config, model)
        if verifier is not None:
            check_verifier(verifier.to(device), length, size)
        verified = None if verifier is None else _verify(model, target, verifier, length, size)
        primed, notes = None, _notes(config, model, target, verifier, verified)
        if stimulus is not None:
            values, note = _show(stimulus, model, length, size, rate)
            primed = values.to(device)
            notes.append(note)
        if config.coherence_weight and not timed:
            notes.append(
                f"no normalisation layer of {model.name} has more than one time step for "
                f"{length} frames, so coherence compares nothing"
            )
        objective = LeapsObjective(config, model, target, primed, verifier, verified)
        changes = {
            "target": model.categories[target] if model.categories else str(target),
            "verifier": "none" if verifier is None else verifier.name,
            "length": length,
            "size": f"{size[0]}x{size[1]}" if config.size else None,
            "rate": float(rate),
            "priming_weight": config.effective_priming_weight,
        }
        resolved = config.model_copy(update=changes)
        process = Inversion(
            resolved, model, objective, (length, *size), device, _whose(resolved, stimulus),
            notes, primed,
        )  # fmt: skip
    weights = tuple(one.weights for one in (model, verifier) if one and one.weights)
    return Prepared(process, resolved, rate, weights, device, process.estimate)


def leaps(
    stimulus: Video | None = None,
    config: LeapsConfig | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> list[Video]:
    """Invert a video classifier in memory.

    Parameters
    ----------
    stimulus
        The clip whose features prime the model; None to invert without.
    config
        A config, with the class as its ``target``.
    on_event
        Called with every event of the run, e.g. to show progress. ``FrameDone.others`` holds
        the frames of the clip that is not returned, the last or the best one.

    Returns
    -------
    list of Video
        The clip that `keep` names, of every sample.

    Raises
    ------
    InputError
        See `prepare`; also if the config has ``input``, which holds for files only.
    DivergedError
        If a loss is no longer finite.
    """
    config = LeapsConfig() if config is None else config
    if stimulus is not None and not isinstance(stimulus, Video):
        raise InputError(f"stimulus is a {type(stimulus).__name__}; it must be a stst.Video.")
    if not isinstance(config, LeapsConfig):
        raise InputError(f"config is a {type(config).__name__}; it must be a stst.LeapsConfig.")
    refuse_input(config)
    clips = {} if stimulus is None else {"stimulus": stimulus}
    return run_in_memory(prepare(clips, config), on_event)


def _shape(
    config: LeapsConfig, model: VideoModel, stimulus: Clip | None
) -> tuple[int, tuple[int, int]]:
    """Choose length and size of the clip."""
    length = config.length or model.length
    size = model.size
    if stimulus is not None:
        length = length or len(stimulus.frames)
        size = size or (stimulus.frames.shape[1], stimulus.frames.shape[2])
    if size is None:
        raise InputError(
            f"size: {config.model} does not say how large its frames are (it has no attribute "
            "'frame_size'), and there is no stimulus. "
            'Give `size="HxW"`.'
        )
    return length or _LENGTH, size


def _time(
    config: LeapsConfig,
    model: VideoModel,
    stimulus: Clip | None,
    length: int,
    size: tuple[int, int],
) -> bool:
    """Check the layers that coherence and priming compare; say whether any has time steps."""
    if config.coherence_weight or (stimulus is not None and config.effective_priming_weight):
        return check_normalization(model, length, size)
    return True


def _whose(config: LeapsConfig, stimulus: Clip | None) -> ClipKey:
    """Give what noise goes by: the stimulus, or the class where there is none."""
    return (lambda: f"class {config.target}") if stimulus is None else stimulus.sha256


def _rate(config: LeapsConfig, model: VideoModel, stimulus: Clip | None) -> Fraction:
    if config.rate is not None:
        return Fraction(config.rate).limit_denominator(1001)
    if model.rate is not None:
        return model.rate
    return _RATE if stimulus is None else stimulus.fps


def _verifier(config: LeapsConfig, model: VideoModel) -> VideoModel | None:
    """Load the verifier; none where its term has no weight."""
    name = config.verifier_name
    if name == "none" or config.diversity_weight == 0:
        return None
    weights = config.verifier_weights
    if (name, weights) == (config.model, config.weights):
        raise InputError(
            f"`verifier` {name}: is the very model that is inverted, and cannot verify itself. "
            'Take another one, or `verifier="none"`.'
        )
    # it sees the same pixels as the model, in its own normalisation
    return load_video_model(name, weights, None, "verifier")


def _verify(
    model: VideoModel, target: int, verifier: VideoModel, length: int, size: tuple[int, int]
) -> int | None:
    """Find the class among the verifier's: by name, or by number where none has names."""
    if model.categories:
        name = model.categories[target]
        return verifier.categories.index(name) if name in verifier.categories else None
    count = verifier.classes(length, size, "verifier")
    same = not verifier.categories and count == model.classes(length, size)
    return target if same else None


def _notes(
    config: LeapsConfig,
    model: VideoModel,
    target: int,
    verifier: VideoModel | None,
    verified: int | None,
) -> list[str]:
    name = f" ({model.categories[target]})" if model.categories else ""
    notes = [f"class {target}{name} of {model.name}, weights: {model.label}"]
    if verifier is not None:
        notes.append(f"verified by {verifier.name}, weights: {verifier.label}")
        if verified is None:
            notes.append(f"{verifier.name} does not know that class, so it tells no probability")
    if config.flip:
        notes.append(
            "clips are mirrored at random while they are made; for a class with a direction "
            "give `flip=False`"
        )
    return notes


def _show(
    stimulus: Clip, model: VideoModel, length: int, size: tuple[int, int], rate: Fraction
) -> tuple[Tensor, str]:
    """Take frames of the stimulus at a rate and bring them to the model.

    Returns
    -------
    Tensor
        (1, 3, T, H, W), normalised.
    str
        What was done.
    """
    step = stimulus.fps / rate
    places = [math.floor(index * step) for index in range(length)]
    have = len(stimulus.frames)
    if places[-1] >= have:
        raise InputError(
            f"the stimulus has {have} frames at {_hertz(stimulus.fps)}, and {length} frames at "
            f"{_hertz(rate)} need {places[-1] + 1} of them. Give a longer clip, fewer frames "
            f"(`length`), or a higher rate (`rate={float(stimulus.fps):g}` takes every frame)."
        )
    frames = np.stack([np.asarray(stimulus.frames[place]) for place in places])
    values = model.prepare(frames)
    if tuple(values.shape[-2:]) != size:
        height, width = values.shape[-2:]
        raise InputError(
            f"the stimulus has {height}x{width} px and the clip {size[0]}x{size[1]} px. Give "
            '`size="HxW"`, to which the stimulus is then resized.'
        )
    shape = stimulus.frames.shape
    note = (
        f"stimulus: {length} of {have} frames, at {_hertz(rate)} of {_hertz(stimulus.fps)}, from "
        f"{shape[1]}x{shape[2]} px: {model.prepare}"
    )
    return values.transpose(0, 1)[None].to(torch.float32), note


def _hertz(rate: Fraction) -> str:
    return f"{float(rate):g} Hz"
