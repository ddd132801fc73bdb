"""A study from its set to its page: measured side by side, kept, tested, written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from stst.analysis.evidence.values import Key, Value
from stst.analysis.measures.recognition import Nameability, agree
from stst.analysis.settings import MEASURES, RECOGNITION, Settings
from stst.batch.pairs import PairBatch
from stst.config import StreamConfig
from stst.errors import InputError, StstError, in_words
from stst.models import Kind
from stst.study.entries import StudySet
from stst.study.findings import check_margins
from stst.study.values import NAMES, read_values
from stst.utils.files import as_text, check_output, sha256_of
from stst.video import LazyVideo, Levels, provenance_of, sidecar_path

#: In the folder of a study: what was measured, pair by pair.
MEASURED = "measured"

_Streams = tuple[tuple[Kind, StreamConfig], ...]


@dataclass(frozen=True)
class StudySettings:
    """What a study asks.

    Attributes
    ----------
    measuring
        Models of CKA, PredNet, judges, nulls beside the natural clips of the set, device and how
        values become 8 bits; what else is measured is the study's own choice.
    margins
        By the name of a measure: what does not matter, see `stst.study.findings.find_all`.
    trusted
        Own models that sidecars may name.
    """

    measuring: Settings = field(default_factory=Settings)
    margins: Mapping[str, float] = field(default_factory=dict)
    trusted: tuple[str, ...] = ()


class Study:
    """A set of stimuli that is measured.

    Parameters
    ----------
    stimuli
        Of `stst.study.entries.read_set`.
    folder
        Where the page and all tables go; made if it does not exist.
    settings
        What is asked.

    Attributes
    ----------
    batch
        All measures of all stimuli; what an earlier run has measured is kept.
    judges
        Titles and names of classes, by the judge's name in tables.
    notes
        What a user should know, one sentence each.

    Raises
    ------
    InputError
        If a margin is of no measure, a model cannot be had, or the folder holds something else.
    """

    def __init__(self, stimuli: StudySet, folder: Path, settings: StudySettings) -> None:
        _check_folder(folder)
        self.stimuli, self.folder, self.settings = stimuli, folder, settings
        measuring = settings.measuring
        streams, notes = _usable_streams(stimuli, settings)
        usual = tuple(path for path in stimuli.naturals if _is_readable(path, measuring.levels))
        self.measuring = replace(
            measuring, null=(*usual, *measuring.null), measures=tuple(MEASURES), streams=streams
        )
        check_margins(settings.margins, self.measuring.tables)
        self.judges, said = _load_judges(measuring)
        self.notes: tuple[str, ...] = (*notes, *said)
        folder.mkdir(exist_ok=True)
        self.batch = PairBatch(
            [one.pair for one in stimuli.entries], folder / MEASURED, self.measuring
        )

    def values(self) -> tuple[dict[str, dict[Key, Value]], dict[str, str]]:
        """Read what was measured.

        Returns
        -------
        values : dict
            By label.
        problems : dict
            By label, why a stimulus has no values.
        """
        values, problems = {}, dict(self.stimuli.problems)
        for one in self.stimuli.entries:
            label = one.pair.label
            state = self.batch.states.get(label)
            if state.get("state") != "done":
                problems[label] = str(state.get("error") or "not measured")
                continue
            values[label] = read_values(self.batch.folder / label, one.pair.other)
        return values, problems

    def naturals(self, values: Mapping[str, Mapping[Key, Value]]) -> dict[Path, Nameability]:
        """Say which natural clips judges name.

        Parameters
        ----------
        values
            As `values` gives them.

        Returns
        -------
        dict
            By natural clip; empty without judges.
        """
        found: dict[Path, Nameability] = {}
        for one in self.stimuli.entries:
            path, own = one.natural, values.get(one.pair.label, {})
            names = {}
            for model, (title, categories) in self.judges.items():
                number, p = (own.get(Key(RECOGNITION, name, model), Value()).natural
                             for name in NAMES)  # fmt: skip
                if number == number:
                    label = categories[int(number)] if categories else f"class {number:.0f}"
                    names[title] = label, p
            if names and path not in found:
                found[path] = agree(as_text(path.name), names)
        return found


def _check_folder(folder: Path) -> None:
    """Refuse a folder that would not be a study's own, before any work."""
    if not folder.exists():
        check_output(folder, overwrite=True)
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; a study goes to a folder. Choose another name.")
    names = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    if names and MEASURED not in names:
        raise InputError(
            f"{folder} holds {names[0]!r}, which is no result of an earlier study. Choose another "
            "folder, or move it away."
        )


def _is_readable(natural: Path, levels: Levels) -> bool:
    """Say whether a natural clip can be a null of others; its stimuli say by themselves why not."""
    try:
        video = LazyVideo(natural, levels=levels)
        return all(video.frames[place].size for place in (0, len(video) - 1))
    except StstError:
        return False


def _load_judges(settings: Settings) -> tuple[dict[str, tuple[str, tuple[str, ...]]], list[str]]:
    """Load judges, so that what is wrong is said before any work; give what they are called."""
    if not settings.judges:
        return {}, []
    from stst.analysis.measures.judges import load_judge
    from stst.utils.devices import pick_device

    judges = [load_judge(choice, pick_device(settings.device)) for choice in settings.judges]
    known = {one.model.name: (one.title, one.categories) for one in judges}
    return known, [note for one in judges for note in one.notes]


def _usable_streams(stimuli: StudySet, settings: StudySettings) -> tuple[_Streams, list[str]]:
    """Load the streams that stimuli were matched in; leave out what cannot be had, and say so."""
    from stst.analysis.gram_models import load_judges

    streams, notes = _streams_of(stimuli, settings.trusted)
    usable = []
    for kind, stream in streams:
        try:
            load_judges({kind: stream}, settings.measuring.device)
            usable.append((kind, stream))
        except InputError as error:
            notes.append(f"Gram matrices of {stream.model} are left out: {in_words(error)}")
    return tuple(usable), notes


def _streams_of(
    stimuli: StudySet, trusted: tuple[str, ...]
) -> tuple[list[tuple[Kind, StreamConfig]], list[str]]:
    """Find the streams that any stimulus was matched in, each once; say where that fails."""
    from stst.analysis.gram_models import streams_of_sidecar

    hashed = cache(sha256_of)
    streams: dict[tuple[Kind, StreamConfig], None] = {}
    notes: dict[str, None] = {}
    for one in stimuli.entries:
        sidecar = provenance_of(one.pair.other_path)
        if sidecar is None or sidecar.get("method") != "stst":
            continue
        where = sidecar_path(one.pair.other_path)
        try:
            found, said = streams_of_sidecar(sidecar, where, hashed(one.pair.natural_path), trusted)
        except InputError as error:
            notes[f"Gram matrices of {one.pair.label} are left out: {in_words(error)}"] = None
            continue
        notes.update(dict.fromkeys(said))
        for kind, stream in found.items():
            streams[kind, _layers_alone(stream)] = None
    return list(streams), list(notes)


def _layers_alone(stream: StreamConfig) -> StreamConfig:
    """Leave out weights of terms, which make no difference to what is compared."""
    return StreamConfig(
        model=stream.model, weights=stream.weights, texture_layers=stream.texture_layers
    )
