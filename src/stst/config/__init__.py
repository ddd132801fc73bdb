"""One frozen, validated config for every method: the Python argument and the TOML file alike."""

from stst.config.schema import (
    TERMS,
    FrameOverride,
    InputConfig,
    OctaveConfig,
    OptimizerConfig,
    RunConfig,
    StreamConfig,
    StstConfig,
    TargetsConfig,
    Term,
)
from stst.config.sources import (
    MODEL_PAIRS,
    build,
    load_preset,
    merged,
    model_override,
    preset_names,
    preset_text,
    read_config_file,
    set_override,
    to_toml,
)

__all__ = [
    "MODEL_PAIRS",
    "TERMS",
    "FrameOverride",
    "InputConfig",
    "OctaveConfig",
    "OptimizerConfig",
    "RunConfig",
    "StreamConfig",
    "StstConfig",
    "TargetsConfig",
    "Term",
    "build",
    "load_preset",
    "merged",
    "model_override",
    "preset_names",
    "preset_text",
    "read_config_file",
    "set_override",
    "to_toml",
]
