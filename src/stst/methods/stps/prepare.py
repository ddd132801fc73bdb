"""From a clip and a config to a scrambling that can start, and scrambling without files."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from stst.config import StpsConfig
from stst.engine.events import Event
from stst.engine.process import Prepared, refuse_input, run_in_memory
from stst.errors import InputError
from stst.methods.stps.scrambling import Scrambling
from stst.utils.devices import free_memory, numerics, pick_device
from stst.video import Clip, Video


def prepare(clips: Mapping[str, Clip], config: StpsConfig) -> Prepared:
    """Check a clip against a config and the memory that is there.

    Parameters
    ----------
    clips
        ``"natural"`` alone.
    config
        What is to be done; frame range and size have been applied to the clip already.

    Raises
    ------
    InputError
        If the clip is too large or too short for what is asked, or the device cannot do it.
    """
    clip = clips["natural"]
    device = pick_device(config.device)
    if config.device == "auto" and device.type == "mps" and config.precision == "fp64":
        device = torch.device("cpu")  # Apple's GPUs have no float64
    with numerics(device, config.precision):
        process = Scrambling(config, clip, device)
    _check_memory(process, device)
    return Prepared(process, config, clip.fps, (), device, process.estimate)


def scramble(
    natural: Video,
    config: StpsConfig | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> list[Video]:
    """Scramble the phases of a clip in memory.

    Parameters
    ----------
    natural
        The clip.
    config
        A config; None for the paper's: both steps, colour transfer, seed 0.
    on_event
        Called with every event of the run, e.g. to show progress.

    Returns
    -------
    list of Video
        One for each sample, like the clip in size, length and rate.

    Raises
    ------
    InputError
        See `prepare`; also if the config has ``input``, which holds for files only.

    Examples
    --------
    >>> import stst
    >>> clip = stst.read_video("sample_data/cat.mkv", frames="0:4", max_side=48)
    >>> (scrambled,) = stst.scramble(clip, stst.StpsConfig(seed=1))
    >>> scrambled.frames.shape
    (4, 36, 48, 3)
    >>> exact = stst.StpsConfig(coherence=1, color_transfer=False)
    >>> bool((stst.scramble(clip, exact)[0].frames == clip.frames).all())
    True
    """
    config = StpsConfig() if config is None else config
    if not isinstance(natural, Video):
        raise InputError(f"natural is a {type(natural).__name__}; it must be a stst.Video.")
    if not isinstance(config, StpsConfig):
        raise InputError(f"config is a {type(config).__name__}; it must be a stst.StpsConfig.")
    refuse_input(config)
    return run_in_memory(prepare({"natural": natural}, config), on_event)


def _check_memory(process: Scrambling, device: torch.device) -> None:
    needed, free = process.memory(), free_memory(device)
    if free is None or needed <= free:
        return
    frames, height, width = process.shape
    config = process.config
    hints = ["fewer frames or a smaller max_side"]
    if config.samples > 1:
        hints.append("fewer samples")
    if config.precision == "fp64":
        hints.append("the precision fp32 (half of it)")
    if config.mode != "spatial":
        small = Scrambling(config.model_copy(update={"mode": "spatial"}), process.clip, device)
        hints.append(f"the mode spatial, which takes {_gib(small.memory())} at any length")
    raise InputError(
        f"scrambling {frames} frames of {height}x{width} px"
        + ("" if config.mode == "spatial" else " over time, which holds the whole clip,")
        + f" takes about {_gib(needed)}, and {_gib(free)} of memory are free on {device}. "
        f"Choose {', or '.join(hints)}."
    )


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
