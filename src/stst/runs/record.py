"""What is written down of a run: in its folder while it is under way, then in the sidecars."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from stst.video.formats.rates import parse_rate

#: To be raised when a record changes, or the same record means other bytes.
SCHEMA_VERSION = 2
# no machine has more, and OpenMP ends the process where it cannot start them
_MOST_THREADS = 4096


def _or_nothing(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Take what nothing depends on as absent where it is damaged."""
    try:
        return check(value)
    except ValidationError:
        return None


Lenient = WrapValidator(_or_nothing)
_Threads = Annotated[int, Field(ge=1, le=_MOST_THREADS)]


class Table(BaseModel):
    """A table of a record; entries that are not named here are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    def as_dict(self) -> dict[str, Any]:
        """Give what was read, as JSON has it."""
        return self.model_dump(exclude_unset=True)


class InputRecord(Table):
    """A clip that went into a stimulus.

    Attributes
    ----------
    role
        ``"natural"``, ``"stimulus"``, a loss term, ``"color"`` or ``"mask"``.
    path
        Relative to the sidecar, or absolute.
    sha256
        Of the file.
    frames_sha256
        Of the frames as they were used.
    """

    role: str
    path: str
    sha256: Annotated[str | None, Lenient] = None
    frames_sha256: str


class Environment(Table):
    """Where and with what something was computed; bytes depend on it.

    Attributes
    ----------
    versions
        Of Python, torch, this package and others.
    platform
        The operating system.
    device
        E.g. ``"cpu"`` or ``"cuda (NVIDIA …)"``.
    threads
        Of the CPU.
    precision
        Of the arithmetic.
    batch
        Seeds of the samples that were made side by side.
    """

    versions: Annotated[dict[str, Any] | None, Lenient] = None
    platform: Annotated[str | None, Lenient] = None
    device: Annotated[str | None, Lenient] = None
    threads: Annotated[_Threads | None, Lenient] = None
    precision: Annotated[str | None, Lenient] = None
    batch: Annotated[list[int] | None, Lenient] = None


class _RunEnvironment(Environment):
    """Where a run computes that can be continued."""

    threads: _Threads
    batch: list[int]


class RunInput(Table):
    """A clip that goes into a run: of a stimulus by its role, of a training by its name.

    Attributes
    ----------
    role, path
        As in `InputRecord`.
    name
        Of the file, wherever it lies.
    sha256, frames_sha256
        Of the file, and of the frames as they are used.
    size, frames, fps
        Height and width in pixels, which frames, and the rate in Hz as a fraction.
    """

    role: str | None = None
    path: str | None = None
    name: str | None = None
    sha256: str | None = None
    frames_sha256: str | None = None
    size: Any = None
    frames: Any = None
    fps: Any = None


class RunRecord(Table):
    """What a run is made of, as its folder has it from the start.

    Attributes
    ----------
    schema_version
        See `SCHEMA_VERSION`; version 1 did not write it, nor do trainings.
    method
        A name of `stst.config.METHODS`, or ``"train-prednet"``.
    config
        Resolved; paths are relative to the folder that the outputs lie in.
    inputs
        The clips that go in.
    weights
        Names and hashes of pretrained weights.
    environment
        Where it is computed; `batch` has the seeds of all samples.
    output
        Name of the master; with several samples, every name gets ``_seedN``.
    fps
        Rate of the result as a fraction in Hz; None where it is the first clip's.
    groups
        Seeds of the samples that are made side by side; None where these are all.
    """

    schema_version: int = 1
    method: str
    config: dict[str, Any]
    inputs: list[RunInput]
    weights: list[dict[str, Any]] | None = None
    environment: _RunEnvironment
    output: str
    fps: Any = None
    groups: list[Annotated[list[int], Field(min_length=1)]] | None = None

    @model_validator(mode="after")
    def _whole(self) -> RunRecord:
        # whatever a rate's text can do wrong, pydantic makes a ValidationError of it
        try:
            rate = self.rate
        except (IndexError, TypeError, ZeroDivisionError) as error:
            raise ValueError(str(error)) from error
        if rate <= 0:
            raise ValueError(f"a rate of {rate}")
        if [seed for group in self.seeds for seed in group] != self.environment.batch:
            raise ValueError("the groups are not those of the batch")
        return self

    @property
    def rate(self) -> Fraction:
        """Frame rate in Hz of what the run makes."""
        return parse_rate(self.inputs[0].fps if self.fps is None else self.fps)

    @property
    def seeds(self) -> list[list[int]]:
        """Seeds of the samples that are made side by side, group by group."""
        return [self.environment.batch] if self.groups is None else self.groups
