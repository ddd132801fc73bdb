"""The widget that scrambles phases (STPS)."""

from __future__ import annotations

from typing import ClassVar

from napari_stst.make.maker_widget import MakerWidget
from stst.config import StpsConfig


class ScrambleWidget(MakerWidget):
    """Make phase-scrambled clips; see `stst.scramble` for what the settings mean."""

    title = "Scramble (STPS)"
    kind = StpsConfig
    preset = "stps"
    verb = "Scramble"
    suffix = "scrambled"
    basic: ClassVar = {
        "mode": "mode",
        "coherence": "coherence",
        "phase_per_channel": "phases per channel",
        "color_transfer": "colour transfer",
        "input.frames": "frames",
        "input.max_side": "longest side",
        "input.grey": "without colour",
        "seed": "seed",
        "samples": "samples",
        "device": "device",
    }
