"""One frozen, validated config for every method: the Python argument and the TOML file alike."""

from stst.config.leaps import LeapsConfig
from stst.config.methods import METHODS, MethodSpec
from stst.config.presets import preset_for, preset_method, preset_names, preset_text, preset_tree
from stst.config.schema import InputConfig, RunConfig
from stst.config.sources import (
    MODEL_PAIRS,
    build,
    load_preset,
    merge,
    model_override,
    paths_beside,
    read_config_file,
    set_override,
    set_value,
    to_toml,
    toml_value,
)
from stst.config.stps import StpsConfig
from stst.config.stst import (
    PIXEL_TERMS,
    SHORT_TERMS,
    TERMS,
    FrameOverride,
    OctaveConfig,
    OptimizerConfig,
    PixelTerm,
    StreamConfig,
    StstConfig,
    TargetsConfig,
    Term,
)

__all__ = [
    "METHODS",
    "MODEL_PAIRS",
    "PIXEL_TERMS",
    "SHORT_TERMS",
    "TERMS",
    "FrameOverride",
    "InputConfig",
    "LeapsConfig",
    "MethodSpec",
    "OctaveConfig",
    "OptimizerConfig",
    "PixelTerm",
    "RunConfig",
    "StpsConfig",
    "StreamConfig",
    "StstConfig",
    "TargetsConfig",
    "Term",
    "build",
    "load_preset",
    "merge",
    "model_override",
    "paths_beside",
    "preset_for",
    "preset_method",
    "preset_names",
    "preset_text",
    "preset_tree",
    "read_config_file",
    "set_override",
    "set_value",
    "to_toml",
    "toml_value",
]
