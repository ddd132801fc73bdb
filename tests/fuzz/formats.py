"""Everything that the program reads, by name."""

from __future__ import annotations

from fuzz import clips, data

FORMATS = (*clips.FORMATS, *data.FORMATS)
