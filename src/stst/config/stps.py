"""The config of phase scrambling (STPS)."""

from __future__ import annotations

from typing import Literal

from stst.config.schema import RunConfig, Share


class StpsConfig(RunConfig):
    """Spatiotemporal phase scrambling (Greco & Siegel 2024, comparison to existing methods).

    Attributes
    ----------
    mode
        ``"spatial"``: one random field for all frames; keeps each frame's amplitude spectrum.
        ``"spatiotemporal"``: a field over space and time; keeps the clip's. ``"both"``: one after
        the other, as in the paper, which has the same distribution as the second alone.
        ``"temporal"``: one phase for each temporal frequency, shared by all pixels; keeps the
        clip's spectrum, not each frame's.
    coherence
        From 0 (phases fully random) to 1 (the natural clip): weighted-mean phase (Dakin et al.
        2002).
    phase_per_channel
        A field of its own for red, green and blue. Decorrelates them, which lowers the contrast.
    color_transfer
        Whether each finished frame takes the colours of the natural one.
    """

    method: Literal["stps"] = "stps"
    precision: Literal["fp64", "fp32"] = "fp64"
    mode: Literal["both", "spatial", "spatiotemporal", "temporal"] = "both"
    coherence: Share = 0.0
    phase_per_channel: bool = False
    color_transfer: bool = True
