"""Dynamic visual stimuli by spatiotemporal style transfer.

Everything public is here by name and imported when it is first used, so that ``import stst`` takes
no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stst.utils.machine import sleep_while_waiting
from stst.version import __version__

if TYPE_CHECKING:
    from stst.config import (
        LeapsConfig,
        StpsConfig,
        StstConfig,
        build,
        load_preset,
        preset_names,
        to_toml,
    )
    from stst.errors import InputError, StstError
    from stst.figures import save_side_by_side, side_by_side
    from stst.methods.leaps.prepare import leaps
    from stst.methods.stps.prepare import scramble
    from stst.methods.stst.prepare import synthesize
    from stst.models import Multiscale, Stream, validate_stream
    from stst.runs.job import Job
    from stst.video import (
        Video,
        convert,
        frames_sha256,
        open_video,
        probe,
        read_video,
        write_preview,
        write_video,
    )

sleep_while_waiting()

_PLACES = {
    "stst.config": (
        "LeapsConfig",
        "StpsConfig",
        "StstConfig",
        "build",
        "load_preset",
        "preset_names",
        "to_toml",
    ),
    "stst.errors": ("InputError", "StstError"),
    "stst.figures": ("save_side_by_side", "side_by_side"),
    "stst.methods.leaps.prepare": ("leaps",),
    "stst.runs.job": ("Job",),
    "stst.models": ("Multiscale", "Stream", "validate_stream"),
    "stst.methods.stps.prepare": ("scramble",),
    "stst.methods.stst.prepare": ("synthesize",),
    "stst.video": (
        "Video",
        "convert",
        "frames_sha256",
        "open_video",
        "probe",
        "read_video",
        "write_preview",
        "write_video",
    ),
}
_PLACE_OF = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "InputError",
    "Job",
    "LeapsConfig",
    "Multiscale",
    "StpsConfig",
    "Stream",
    "StstConfig",
    "StstError",
    "Video",
    "__version__",
    "build",
    "convert",
    "frames_sha256",
    "leaps",
    "load_preset",
    "open_video",
    "preset_names",
    "probe",
    "read_video",
    "save_side_by_side",
    "scramble",
    "side_by_side",
    "synthesize",
    "to_toml",
    "validate_stream",
    "write_preview",
    "write_video",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACE_OF:
        raise AttributeError(f"module 'stst' has no attribute {name!r}")
    return getattr(import_module(_PLACE_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
