"""Which methods there are."""

from stst.config.leaps import LeapsConfig
from stst.config.schema import RunConfig, StpsConfig, StstConfig

#: The config of every method.
METHODS: dict[str, type[RunConfig]] = {
    "stst": StstConfig,
    "stps": StpsConfig,
    "leaps": LeapsConfig,
}
