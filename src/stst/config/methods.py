"""The table of methods: all that the rest of the project knows of any of them. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from stst.config.leaps import LeapsConfig
from stst.config.schema import RunConfig
from stst.config.stps import StpsConfig
from stst.config.stst import StstConfig
from stst.errors import InputError

#: The group of entry points under which packages register methods of their own.
GROUP = "stst.methods"


@dataclass(frozen=True)
class CourseSection:
    """What a report says of the runs that made a method's stimuli, beside their courses.

    Attributes
    ----------
    name
        Of its files, and in links.
    title
        Its heading.
    caption
        Of the table of the finished clips.
    row
        Takes a sidecar, which may hold anything, and gives that clip's cells by their headings:
        any JSON values.
    note
        Stands below the figure of the courses.
    """

    name: str
    title: str
    caption: str
    row: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    note: str


@dataclass(frozen=True)
class MethodSpec:
    """A method that makes stimuli.

    Attributes
    ----------
    config
        Its settings; ``method`` is a `typing.Literal` with the method's name as default.
    command
        Of ``stst``; manifests take it for the method's name as well. Of another package's method
        it is that name.
    title
        Its abbreviation, for tables and pages.
    long_title
        What that stands for.
    stimulus
        What it makes, as catalogues have it.
    prepare
        ``"module:function"``, its door: takes clips by role (`stst.video.Clip`) and the config,
        gives `stst.engine.process.Prepared`. Imported when a run begins.
    default_preset
        Where none is named; None for the defaults of the config, as other packages' methods have.
    main_role
        What the clip that the command is given is to the method. From ``"natural"`` the stimulus
        has its rate, size and length; ``"stimulus"`` is one that a model was shown.
    needs_clip
        Whether it cannot do without that clip.
    remarks
        ``"module:function"`` that takes the config and the statistics of the frames, gives what a
        user should know of a finished stimulus, a sentence each; None for nothing.
    scrambles
        Whether it keeps no more of a clip than its spectrum, so that measures take what it makes
        by default for their null.
    whole_clip
        Whether all frames are made together, not one after the other.
    has_losses
        Whether its iterations tell losses.
    has_probabilities
        Whether they tell the probability of a class.
    classes
        ``"module:function"`` that takes a model and its weights, gives the names of the classes
        that it tells apart; None where no class is aimed at.
    course
        ``"module:NAME"``, the `CourseSection` of reports, where sidecars have a ``course`` of
        losses and probabilities. Asked of this package's methods alone: a report runs no other's
        code.
    """

    config: type[RunConfig]
    command: str
    title: str
    long_title: str
    stimulus: str
    prepare: str
    default_preset: str | None = None
    main_role: Literal["natural", "stimulus"] = "natural"
    needs_clip: bool = True
    remarks: str | None = "stst.engine.remarks:clipping"
    scrambles: bool = False
    whole_clip: bool = False
    has_losses: bool = False
    has_probabilities: bool = False
    classes: str | None = None
    course: str | None = None

    @property
    def name(self) -> str:
        """Of the method, in configs and sidecars."""
        return str(self.config.model_fields["method"].default)

    def door(self) -> Any:
        """Import `prepare`."""
        return import_reference(self.prepare)

    def remarks_on(self, config: RunConfig, per_frame: Any) -> list[str]:
        """Say what a user should know of a finished stimulus.

        Parameters
        ----------
        config
            What it was made with.
        per_frame
            Statistics as its sidecar has them.

        Returns
        -------
        list of str
            A sentence each, for the sidecar's warnings.
        """
        if self.remarks is None:
            return []
        return list(import_reference(self.remarks)(config, per_frame))

    def class_names(self, model: str, weights: str) -> list[str]:
        """Name the classes that a model tells apart; needs torch.

        Parameters
        ----------
        model, weights
            As the config has them.

        Returns
        -------
        list of str
            Empty where there are none, or the model does not name them.

        Raises
        ------
        InputError
            If there is no such model.
        """
        return [] if self.classes is None else list(import_reference(self.classes)(model, weights))

    def course_section(self) -> CourseSection | None:
        """Import `course`."""
        return None if self.course is None else import_reference(self.course)


BUILT_IN = {
    spec.name: spec
    for spec in (
        MethodSpec(
            config=StstConfig,
            command="synthesize",
            title="STST",
            long_title="spatiotemporal style transfer",
            stimulus="Metamer by spatiotemporal style transfer",
            prepare="stst.methods.stst.prepare:prepare",
            default_preset="fast",
            has_losses=True,
        ),
        MethodSpec(
            config=StpsConfig,
            command="scramble",
            title="STPS",
            long_title="spatiotemporal phase scrambling",
            stimulus="Phase-scrambled clip",
            prepare="stst.methods.stps.prepare:prepare",
            default_preset="stps",
            scrambles=True,
            remarks="stst.methods.stps.remarks:remarks",
        ),
        MethodSpec(
            config=LeapsConfig,
            command="leaps",
            title="LEAPS",
            long_title="learned preconscious synthesis",
            stimulus="Inversion of a video classifier",
            prepare="stst.methods.leaps.prepare:prepare",
            default_preset="leaps",
            main_role="stimulus",
            needs_clip=False,
            remarks="stst.methods.leaps.remarks:remarks",
            whole_clip=True,
            has_losses=True,
            has_probabilities=True,
            classes="stst.methods.leaps.classifiers:class_names",
            course="stst.methods.leaps.reported:SECTION",
        ),
    )
}


class Methods(Mapping[str, MethodSpec]):
    """All methods by name: those of this package, then those of other installed packages.

    A package registers a method of its own by an entry point of the group ``stst.methods`` that
    has the method's name and gives a `MethodSpec`. Its code is imported when it is looked up.
    """

    def __iter__(self) -> Iterator[str]:
        return iter([*BUILT_IN, *_foreign()])

    def __len__(self) -> int:
        return len(BUILT_IN) + len(_foreign())

    def __contains__(self, name: object) -> bool:
        return name in BUILT_IN or name in _foreign()

    def __getitem__(self, name: str) -> MethodSpec:
        return BUILT_IN[name] if name in BUILT_IN else _load(_foreign()[name])

    def foreign(self) -> tuple[str, ...]:
        """Name those of other packages, without importing them."""
        return tuple(_foreign())

    def titles(self) -> dict[str, str]:
        """Give titles by name; of other packages' methods it is the name, without importing."""
        return {name: one.title for name, one in BUILT_IN.items()} | {
            name: name.upper() for name in _foreign()
        }


#: All methods by name.
METHODS = Methods()


def import_reference(reference: str) -> Any:
    """Import what ``"module:name"`` names."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


@cache
def _foreign() -> dict[str, EntryPoint]:
    return {one.name: one for one in entry_points(group=GROUP) if one.name not in BUILT_IN}


@cache
def _load(entry: EntryPoint) -> MethodSpec:
    try:
        spec = entry.load()
    except Exception as error:
        raise InputError(
            f"method {entry.name!r}: {entry.value}, which a package registers for it, cannot be "
            f"imported ({type(error).__name__}: {error}). Mend or uninstall that package."
        ) from error
    if not isinstance(spec, MethodSpec) or spec.name != entry.name:
        what = f"a MethodSpec of {spec.name!r}" if isinstance(spec, MethodSpec) else repr(spec)
        raise InputError(
            f"method {entry.name!r}: {entry.value} is {what}; expected a "
            f"stst.config.methods.MethodSpec whose config has this method."
        )
    if spec.command != spec.name or spec.default_preset is not None:
        raise InputError(
            f"method {entry.name!r}: {entry.value} has the command {spec.command!r} and the preset "
            f"{spec.default_preset!r}; of another package's method the command has its name, and "
            "there are no presets."
        )
    return spec
