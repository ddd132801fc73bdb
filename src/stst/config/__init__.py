"""One frozen, validated config for every method: the Python argument and the TOML file alike."""

from stst.config.leaps import LeapsConfig
from stst.config.methods import METHODS
from stst.config.schema import (
    TERMS,
    FrameOverride,
    InputConfig,
    OctaveConfig,
    OptimizerConfig,
    RunConfig,
    StpsConfig,
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
    paths_beside,
    preset_method,
    preset_names,
    preset_text,
    read_config_file,
    set_override,
    to_toml,
)

__all__ = [
    "METHODS",
    "MODEL_PAIRS",
    "TERMS",
    "FrameOverride",
    "InputConfig",
    "LeapsConfig",
    "OctaveConfig",
    "OptimizerConfig",
    "RunConfig",
    "StpsConfig",
    "StreamConfig",
    "StstConfig",
    "TargetsConfig",
    "Term",
    "build",
    "load_preset",
    "merged",
    "model_override",
    "paths_beside",
    "preset_method",
    "preset_names",
    "preset_text",
    "read_config_file",
    "set_override",
    "to_toml",
]
