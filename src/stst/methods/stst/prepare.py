"""From clips and a config to a run that can start, and runs that need no files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from stst.config import TERMS, StstConfig, TargetsConfig, load_preset
from stst.engine.events import Event
from stst.engine.process import Prepared, refuse_input, run_in_memory
from stst.errors import InputError
from stst.methods.stst.mask import MaskArray, mask_video, regions_of
from stst.methods.stst.synthesis import Synthesis
from stst.methods.stst.targets import Targets
from stst.models import Kind, LoadedStream, load_stream, resolve_layers
from stst.utils.devices import numerics, pick_device, pick_precision
from stst.video import GREY_NOTE, Clip, LazyVideo, Video, is_grey


def prepare(clips: Mapping[str, Clip], config: StstConfig) -> Prepared:
    """Check clips against each other and a config, and load the models.

    Parameters
    ----------
    clips
        ``"natural"``, by the name of a term (or ``"color"``) every clip that replaces it, and
        ``"mask"`` where only a region is made.
    config
        What is to be done; frame range and size have been applied to the clips already.

    Raises
    ------
    InputError
        If clips disagree in size, length or rate, a frame is too small, a mask is empty, a model
        or layer is missing, or the device cannot do what is asked.
    """
    targets, fps = _targets(clips, config)
    regions, notes = regions_of(clips)
    if targets.grey:
        notes.append(GREY_NOTE)
    device = pick_device(config.device)
    precision = pick_precision(config.precision, device)
    if precision != config.precision:
        notes.append(f"precision auto: {precision} on this device, Gram matrices in fp32")
    config = config.model_copy(update={"precision": precision})
    with numerics(device, precision):
        loaded: dict[Kind, LoadedStream | None] = {
            kind: load_stream(kind, getattr(config, kind))
            if any(config.uses_term(term) for term in TERMS if term.startswith(kind))
            else None
            for kind in ("spatial", "temporal")
        }
        config = resolve_layers(config, loaded)
        streams = {kind: one.stream.to(device) if one else None for kind, one in loaded.items()}
        synthesis = Synthesis(
            config, streams["spatial"], streams["temporal"], targets, device,
            clips["natural"].sha256, regions=regions,
        )  # fmt: skip
    synthesis.notes.extend(notes)
    weights = tuple(one.weights for one in loaded.values() if one and one.weights)
    return Prepared(synthesis, config, fps, weights, device, synthesis.estimate)


def _targets(clips: Mapping[str, Clip], config: StstConfig) -> tuple[Targets, Fraction]:
    """Choose every term's clip and their common rate in Hz; clips without a use need not agree."""
    _check_roles(clips, config)
    by_term = {term: term if term in clips else "natural" for term in TERMS}
    active = [by_term[term] for term in TERMS if config.uses_term(term)]
    color = "color" if "color" in clips else active[0]
    # with a mask the natural clip stays around what is made
    used = sorted({*active, color, *(("natural",) if "mask" in clips else ())})
    first = clips[used[0]]
    for role in used[1:]:
        for what, here, there in (
            ("size (height x width)", _size(clips[role]), _size(first)),
            ("number of frames", len(clips[role].frames), len(first.frames)),
            ("frame rate in Hz", clips[role].fps, first.fps),
        ):
            if here != there:
                raise InputError(
                    f"the targets disagree in {what}: {used[0]} ({_name(first)}) has {there}, "
                    f"{role} ({_name(clips[role])}) has {here}. Bring them to the same first: "
                    "`stst convert` (in Python stst.convert) cuts, shrinks and resamples."
                )
    targets = Targets(
        {term: clips[role].frames for term, role in by_term.items()},
        clips[color].frames,
        grey=all(is_grey(clips[role].frames) for role in used),
    )
    return targets, first.fps


def _check_roles(clips: Mapping[str, Clip], config: StstConfig) -> None:
    for role, video in clips.items():
        if role not in ("natural", "color", "mask", *TERMS):
            raise InputError(
                f"target {role}: there is no such term. There are: {', '.join(TERMS)}, color."
            )
        if not isinstance(video, Video | LazyVideo):
            raise InputError(f"{role}: expected a stst.Video, found {type(video).__name__}.")
        if role in TERMS and not config.uses_term(role):
            raise InputError(
                f"target {role}: that term has weight 0, so its clip would not be used. "
                f"Give it a weight: `{role.replace('_', '.')}_weight=1`."
            )
        if role == "color" and not config.color_used:
            raise InputError(
                "target color: color_transfer is false, and neither spectrum nor colours have a "
                "weight, so its clip would not be used. Leave it out, or give "
                "`color_transfer=True`."
            )


def _size(video: Clip) -> str:
    return f"{video.frames.shape[1]}x{video.frames.shape[2]}"


def _name(video: Clip) -> str:
    return str(video.source.path) if video.source else "an array"


def synthesize(
    natural: Video,
    config: StstConfig | str = "fast",
    targets: Mapping[str, Video] | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    mask: Video | MaskArray | None = None,
) -> list[Video]:
    """Make metamers in memory.

    Parameters
    ----------
    natural
        The clip that every term matches where `targets` says nothing else.
    config
        A config, or the name of a preset.
    targets
        Other clips by the name of a term or ``"color"``.
    on_event
        Called with every event of the run, e.g. to show progress.
    mask
        Where the natural clip is replaced, (H, W) for all frames or (T, H, W): True, or from 128
        to 255. Of a `Video` the mean of red, green and blue counts. The rest stays natural, bit
        by bit. None replaces everything.

    Returns
    -------
    list of Video
        A metamer for each sample, of the size, length and rate of the clip.

    Raises
    ------
    InputError
        See `prepare`; also if the config has ``input``, ``targets`` or ``mask``, which hold for
        files only.
    DivergedError
        If a loss is no longer finite.

    Examples
    --------
    >>> import stst
    >>> clip = stst.read_video("sample_data/cat.mkv", frames="0:2", max_side=32)
    >>> tree = stst.load_preset("quick").model_dump()
    >>> tree |= {"octaves": tree["octaves"][-1:], "frames": [], "padding_frames": 0, "samples": 2}
    >>> tree["octaves"][0]["iterations"] = 5
    >>> metamers = stst.synthesize(clip, stst.build(tree, stst.StstConfig))
    >>> len(metamers), metamers[0].frames.shape
    (2, (2, 24, 32, 3))
    """
    if isinstance(config, str):
        config = load_preset(config)
    refuse_input(config)
    if config.targets != TargetsConfig():
        raise InputError(
            'config.targets applies to files. Give clips: targets={"color": read_video(path)}.'
        )
    if config.mask is not None:
        raise InputError("config.mask applies to files. Give an array: mask=array.")
    clips = {"natural": natural, **(targets or {})}
    if mask is not None:
        clips["mask"] = mask_video(mask, natural.fps)
    return run_in_memory(prepare(clips, config), on_event)
