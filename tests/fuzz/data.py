"""Damaged settings, manifests, sidecars, unfinished runs, weights and results."""

from __future__ import annotations

import io
import json
import os
import pickle
import tomllib
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np
import torch

from fuzz.clips import _described, _zipped, frames
from fuzz.commands import command
from fuzz.mutate import damaged
from fuzz.pool import Format
from fuzz.texts import NUMBERS, STRINGS, as_json, as_table, as_toml, changed, toml_value, value
from small_runs import run_record
from stst.analysis.gram_models import streams_of_sidecar
from stst.analysis.manifest import read_pairs
from stst.analysis.pairs import NaturalClip
from stst.batch.errors import Problems
from stst.batch.manifest import read_manifest
from stst.batch.plan import BatchDefaults, plan_jobs
from stst.config import (
    METHODS,
    StpsConfig,
    StstConfig,
    build,
    merge,
    paths_beside,
    preset_method,
    preset_names,
    preset_text,
    preset_tree,
    read_config_file,
    set_override,
    to_toml,
)
from stst.config.command import command_words
from stst.config.methods import BUILT_IN
from stst.engine.events import Checkpoint
from stst.errors import InputError, StstError
from stst.report.clips import Clip, labels_of
from stst.report.courses import courses
from stst.report.page import part
from stst.report.provenance import making_of, reading_of
from stst.runs.folder import RunFolder
from stst.runs.job import Job
from stst.runs.remake import _read_output, differences, job_of_sidecar
from stst.runs.sidecar import Sidecar, read_sidecar
from stst.utils.files import sha256_of
from stst.video import LazyVideo, Video, write_video
from stst.video.sidecar import sidecar_rate
from stst.weights import load_tensors
from stst.weights.locate import read_record
from stst.weights.prednet import read_prednet
from stst_cli.main import main as stst

#: Makes a file as soon as it is imported, if anything imports it.
CANARY_MODULE = "fuzz_canary"


def _text_format(
    name: str, file: str, trees: Any, write: Any, read: Any, named: tuple[str, ...] = ()
) -> Format:
    """Make a format of text, changed where it has a meaning, and sometimes damaged as bytes."""

    def make(state: Any, rng: Random) -> dict[str, bytes]:
        fixed, several = state
        data = write(rng.choice(several), rng)
        if rng.random() < 0.25:
            data = damaged(data, rng)
        return {**fixed, file: data}

    return Format(name, trees, make, read, named)


# settings


def _presets(_: Path) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    trees = [preset_tree(name) for name in preset_names()]
    mine = {
        "spatial": {"model": f"{CANARY_MODULE}:make"},
        "targets": {"color": "../x.mp4"},
        "mask": "m.png",
    }
    return {}, [
        *trees,
        merge(preset_tree("paper"), mine),
        {"model": f"{CANARY_MODULE}:make", "method": "leaps"},
    ]


def _read_config(folder: Path) -> None:
    path = folder / "config.toml"
    tree = paths_beside(read_config_file(path), path)
    method = tree.get("method", "stst")
    kind = BUILT_IN[method].config if str(method) in BUILT_IN else StstConfig
    config = build(tree, kind, str(path))
    assert build(tomllib.loads(to_toml(config)), kind) == config
    assert config.seeds
    command_words(
        config,
        next(n for n in preset_names() if preset_method(n) == config.method),
        "a.mp4",
        "b.mkv",
    )


def _keys(tree: Any, where: str = "") -> list[str]:
    pairs = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    out = []
    for key, one in pairs:
        out += [f"{where}{key}", *_keys(one, f"{where}{key}.")]
    return out


def _assignments(keys: list[str], rng: Random) -> dict[str, bytes]:
    lines = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        key = rng.choice(keys)
        if rng.random() < 0.3:
            key = rng.choice(
                (
                    key + ".0",
                    key.upper(),
                    key + ".",
                    rng.choice(STRINGS),
                    "octaves.99.iterations",
                    key + "." * 30,
                )
            )
        text = rng.choice(
            (toml_value(value(rng), rng), str(rng.choice(NUMBERS)), rng.choice(STRINGS))
        )
        line = f"{key}={text}" if rng.random() < 0.95 else key
        if rng.random() < 0.2:
            line = damaged(line.encode("utf-8", "surrogatepass"), rng).decode("utf-8", "replace")
        lines.append(line)
    method = rng.choice(("paper", "fast", "stps", "leaps", *preset_names()))
    return {"words.json": json.dumps([method, lines]).encode()}


def _read_assignments(folder: Path) -> None:
    preset, lines = json.loads((folder / "words.json").read_text())
    preset_text("paper")
    tree = preset_tree(preset if preset in preset_names() else "fast")
    for line in lines:
        tree = set_override(tree, line)
    kind = (
        METHODS[preset_tree(preset).get("method", "stst")].config
        if preset in preset_names()
        else StstConfig
    )
    assert build(tree, kind).seeds


# manifests


_ROWS = (
    ("natural", "other", "label"),
    ("a.mp4", "b.mkv", "one"),
    ("c.mp4", "d/e.mkv", ""),
    ("f/g.mp4", "../h.mkv", "Zwei 2"),
)


def _read_manifest(path: Path) -> None:
    out = path.parent / "out"
    for pair in read_pairs(path):
        place = out / pair.label
        assert place.resolve().parent == out.resolve(), f"{pair.label!r} leads out of the folder"
        place.mkdir()
        assert [str(one) for one in out.iterdir()], place
        place.rmdir()


def _manifest(suffix: str, separator: str) -> Format:
    file = f"pairs.{suffix}"
    return _text_format(
        suffix,
        file,
        lambda _: ({}, [_ROWS, _ROWS[:2]]),
        lambda rows, rng: as_table(rows, separator, rng),
        lambda folder: _read_manifest(folder / file),
    )


_PAIRS = {
    "pairs": [
        {"natural": "a.mp4", "other": "b.mkv", "label": "one"},
        {"natural": "c.mp4", "other": "d/e.mkv"},
    ]
}


_BATCH = (
    ("natural", "preset", "seed", "output", "blend", "octaves.0.iterations"),
    ("a.mp4", "fast", "1:3", "", "0.5", "3"),
    ("b/c.mkv", "stps", "7", "x.mkv", "", ""),
)
_JOBS = {
    "defaults": {"preset": "fast", "blend": 0.5, "seed": [1, "2:4"]},
    "jobs": [
        {"natural": ["a.mp4", "d/e.mp4"], "sweep": {"blend": [0.1, 0.2]}},
        {"natural": "b.mkv", "method": "stps", "output": "sub.npy", "seed": 3},
    ],
}
_OWN_MODEL = {"jobs": [{"natural": "c.mkv", "spatial": {"model": f"{CANARY_MODULE}:make"}}]}


def _read_batch(path: Path) -> None:
    out, problems = path.parent / "out", Problems()
    wanted = read_manifest(path, problems)
    for job in plan_jobs(wanted[:100], out, BatchDefaults(), problems):
        for place in (*job.files.files().values(), job.run_folder):
            assert place.resolve().parent == out.resolve(), f"{place} leads out of the folder"
    problems.check()


# sidecars


def _sidecars(folder: Path) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """Make a stimulus by each of two methods; all share one natural clip."""
    from stst.engine.events import RunFinished

    natural = folder / "natural.npz"
    write_video(natural, Video(frames(0, 4, 16, 18), Fraction(25)))
    models = {kind: {"model": f"tiny_model:{kind}"} for kind in ("spatial", "temporal")}
    octaves = [{"exponent": 0, "iterations": 1, "learning_rate": 0.02, "tv_weight": 0.1}]
    configs = (
        build({"method": "stps"}, StpsConfig),
        build({**models, "octaves": octaves, "padding_frames": 0}, StstConfig),
    )
    trees = []
    for config in configs:
        job = Job(natural, str(folder / "made.mkv"), config, overwrite=True)
        *_, last = job.run()
        assert isinstance(last, RunFinished)
        trees.append(json.loads((folder / "made.json").read_text()))
    course = {
        "iteration": [0, 1],
        "probability": {"model": [0.1, 0.9]},
        "losses": {"priming": [2.0, 1.0]},
    }
    leaps = {
        **trees[0],
        "method": "leaps",
        "course": course,
        "beside": {"stimulus": {"path": "natural.npz", "sha256": "0" * 64}},
    }
    files = {name: (folder / name).read_bytes() for name in ("natural.npz", "made.mkv")}
    return files, [*trees, leaps]


def _sidecar_json(tree: Any, rng: Random) -> bytes:
    return as_json(changed(tree, rng), rng)


def _read_remake(folder: Path) -> None:
    sidecar = folder / "made.json"
    before = read_sidecar(sidecar)
    job = job_of_sidecar(
        sidecar,
        output=str(folder / "out" / "made.mkv"),
        trusted=("tiny_model:spatial", "tiny_model:temporal"),
    )
    assert job.outputs
    recorded = Path(_read_output(sidecar, before.output.path))
    assert recorded.resolve().parent == folder.resolve(), f"{recorded} lies elsewhere"
    other = {**before.as_dict(), "environment": {}, "output": {"frames_sha256": ""}}
    differences(before, Sidecar.model_validate(other))
    with suppress(InputError):
        command(stst, "remake", sidecar, "-o", folder / "out" / "again.mkv", "--device", "nowhere")


def _read_info(folder: Path) -> None:
    command(stst, "info", folder / "made.mkv")
    sidecar_rate(folder / "made.mkv")
    command(stst, "info", folder / "made.mkv", "--json")
    if (folder / "made.json").stat().st_size % 4 == 0:  # takes longer
        command(stst, "convert", folder / "made.mkv", folder / "out" / "x.npy")


def _read_pair(folder: Path) -> None:
    clip = NaturalClip(folder / "natural.npz")
    pair = clip.pair(folder / "made.mkv")
    assert len(pair.natural) == len(pair.other)
    if pair.sidecar is not None:
        with suppress(InputError):
            streams_of_sidecar(pair.sidecar, folder / "made.json", clip.sha256)


_SCRIPT = ("<script>alert", "<img src=x")


def _read_for_report(folder: Path) -> None:
    from stst.video import sidecar_of

    path = folder / "made.mkv"
    sidecar = sidecar_of(path)
    (label,) = labels_of([(path, sidecar)])
    clip = Clip(label, str(path), LazyVideo(path), sha256_of(path), sidecar)
    shown = {
        "label": label,
        "color": "#000",
        "reading": reading_of(clip),
        "making": making_of(clip),
    }
    page = part("provenance.html", clips=[shown])
    courses([clip])
    assert not any(one in page for one in _SCRIPT), "a script of the sidecar is part of the page"
    assert not any(one in page for one in "\x1b\x00\x9b\u202e"), "the page holds control characters"


# unfinished runs


def _runs(folder: Path) -> dict[str, list[bytes]]:
    run = RunFolder(folder / "x.run")
    run.begin(run_record(), overwrite=False)
    (part,) = run.checkpoints()
    rng = np.random.default_rng(0)
    for number in range(2):
        images = rng.integers(0, 256, (2, 6, 7, 3), dtype=np.uint8)
        state = rng.random((2, 3, 6, 7), dtype=np.float32)
        part.keep(
            number, images, [{"clipped": 0.0}, {"clipped": 0.5}], state, 1.5, {"best": images}
        )
    part.keep_checkpoint(
        Checkpoint(3, {"clip": rng.random((2, 3, 2, 6, 7), dtype=np.float32)}), 1.5
    )
    return {
        str(path.relative_to(folder)): [path.read_bytes()]
        for path in sorted(run.path.rglob("*"))
        if path.is_file()
    }


def _run(state: dict[str, list[bytes]], rng: Random) -> dict[str, bytes]:
    made = {name: data for name, (data,) in state.items()}
    broken = rng.choice(list(made))
    if broken.endswith(".json"):
        data = _sidecar_json(json.loads(made[broken]), rng)
        made[broken] = damaged(data, rng) if rng.random() < 0.3 else data
    elif rng.random() < 0.5:
        made[broken] = damaged(made[broken], rng, tuple(made.values()))
    else:
        made[broken] = _changed_npz(made[broken], rng)
    if rng.random() < 0.1:
        del made[rng.choice(list(made))]
    return made


def _changed_npz(data: bytes, rng: Random) -> bytes:
    """Change one member of an archive of arrays: its shape, kind or values."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(list(members))
    way = rng.randrange(5)
    if way == 0:
        members[name] = _described(rng) + members[name][128:]
    elif way == 1:
        array = rng.choice(
            (
                np.array(value(rng), object),
                np.array(-5),
                np.array(10**9),
                np.zeros((0, 3)),
                np.array("{"),
                np.array(json.dumps([value(rng)])),
                np.array([np.nan]),
                np.array("x" * 99),
                np.array(1j),
            )
        )
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        members[name] = file.getvalue()
    elif way == 2:
        members[rng.choice(STRINGS[:20]) + ".npy"] = members.pop(name)
    elif way == 3:
        members[name] = damaged(members[name], rng)
    else:
        members["array_<script>.npy"] = members[name]
    return _zipped(
        {name.replace("\0", "") or "x": data for name, data in members.items()}, rng.choice((0, 8))
    )


def _read_run(folder: Path) -> None:
    run = RunFolder(folder / "x.run")
    (part,) = run.checkpoints([[0, 1]])
    errors = []
    for read in (
        run.record,
        part.state,
        part.checkpoint,
        lambda: list(part.frames(0)),
        lambda: part.statistics(1),
        lambda: list(part.frames(1, "best")),
        lambda: command(stst, "export", run.path, "-o", folder / "out" / "part.npy"),
    ):
        try:
            read()
        except StstError as error:
            errors.append(error)
    if errors:
        raise errors[0]


# weights


class _Payload:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {os.environ['FUZZ_CANARY']}",)


def _plain() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "conv.weight": torch.rand(4, 3, 3, 3),
        "conv.bias": torch.rand(4),
        "step": torch.tensor(3),
    }


def _saved(thing: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(thing, file, **options)
    return file.getvalue()


def _pths(_: Path) -> list[bytes]:
    state = _plain()
    return [
        _saved(state),
        _saved(state, _use_new_zipfile_serialization=False),
        _saved({"model_state": state}),
        _saved({"a": _Payload()}),
        _saved({"a": _Payload()}, _use_new_zipfile_serialization=False),
        pickle.dumps(_Payload()),
        _saved(state["conv.bias"]),
    ]


def _pth(state: list[bytes], rng: Random) -> dict[str, bytes]:
    whole = rng.choice(state)
    if whole[:2] == b"PK" and rng.random() < 0.5:
        return {"w.pth": _changed_pickle(whole, rng, tuple(state))}
    return {"w.pth": damaged(whole, rng, tuple(state))}


def _changed_pickle(data: bytes, rng: Random, others: tuple[bytes, ...]) -> bytes:
    """Damage one member of torch's archive, so that its checksums are right."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice([*members, *(one for one in members if one.endswith(".pkl"))])
    if name.endswith(".pkl") and rng.random() < 0.2:
        members[name] = pickle.dumps(
            rng.choice((_Payload(), {"a": 1}, [1], None, {"model_state": {}}, {1: 2})), 2
        )
    else:
        members[name] = damaged(members[name], rng, others)
    return _zipped(members)


def _safes(_: Path) -> list[bytes]:
    from safetensors.torch import save

    return [
        save(_plain(), {"stst": json.dumps({"name": "x", "convention": "keras"})}),
        save(_plain()),
    ]


def _safe(state: list[bytes], rng: Random) -> dict[str, bytes]:
    data = rng.choice(state)
    if rng.random() < 0.4:
        return {"w.safetensors": damaged(data, rng, tuple(state))}
    length = int.from_bytes(data[:8], "little")
    head = as_json(changed(json.loads(data[8 : 8 + length]), rng), rng)
    size = len(head) if rng.random() < 0.9 else rng.choice((0, 2**31, 2**63, len(head) + 8))
    return {"w.safetensors": size.to_bytes(8, "little") + head + data[8 + length :]}


def _archives(folder: Path) -> list[bytes]:
    out = []
    for named in (
        {"a": np.ones((3, 4), np.float32), "b": np.arange(3)},
        {"o": np.array([_Payload()], object)},
        {"n": np.full(9, np.nan)},
    ):
        file = io.BytesIO()
        np.savez(file, **named)
        out.append(file.getvalue())
    return out


def _archive(state: list[bytes], rng: Random) -> dict[str, bytes]:
    whole = rng.choice(state)
    return {
        "w.npz": _changed_npz(whole, rng)
        if rng.random() < 0.5
        else damaged(whole, rng, tuple(state))
    }


def _hdf5s(folder: Path) -> list[bytes]:
    out = []
    rng = np.random.default_rng(0)
    for number, options in enumerate(({}, {"libver": "latest"}, {"userblock_size": 512})):
        path = folder / f"{number}.h5"
        with h5py.File(path, "w", **options) as file:
            file.attrs["backend"] = "theano"
            file.attrs["layer_names"] = np.array([b"a", b"bc"])
            for layer in ("layer_a_0", "layer_ahat_0"):
                file[f"{layer}/{layer}/kernel:0"] = rng.random((3, 3, 2, 3), np.float32)
                file[f"{layer}/{layer}/bias:0"] = rng.random(3).astype(np.float32)
            file.create_dataset(
                "packed",
                data=np.arange(300, dtype=np.int32),
                chunks=(50,),
                compression="gzip",
                shuffle=True,
            )
            file.create_dataset("text", data="no number")
            file["soft"] = h5py.SoftLink("/packed") if number == 1 else np.float64(2)
            file.create_dataset("checked", data=np.arange(9.0), chunks=(3,), fletcher32=True)
        out.append(path.read_bytes())
    with h5py.File(folder / "p.h5", "w") as file:
        file.attrs["backend"] = "tensorflow"
        for name, array in _published().items():
            file[f"prednet_1/{name}"] = array
    return [*out, (folder / "p.h5").read_bytes()]


def _published() -> dict[str, np.ndarray[Any, Any]]:
    """Arrays as the authors' PredNet has them, of two small levels."""
    rng, stack = np.random.default_rng(0), (3, 4)
    out = {}
    for unit in ("a", "ahat", "c", "f", "i", "o"):
        for level, (mine, more) in enumerate(zip(stack, (4, 0), strict=True)):
            inputs, outputs = {"a": (2 * mine, more), "ahat": (mine, mine)}.get(
                unit, (3 * mine + more, mine)
            )
            if outputs:
                out[f"layer_{unit}_{level}/kernel:0"] = rng.normal(
                    size=(3, 3, inputs, outputs)
                ).astype(np.float32)
                out[f"layer_{unit}_{level}/bias:0"] = rng.normal(size=outputs).astype(np.float32)
    return out


def _hdf5(state: list[bytes], rng: Random) -> dict[str, bytes]:
    return {"w.h5": damaged(rng.choice(state), rng, tuple(state))}


def _weights_reader(file: str) -> Any:
    def read(folder: Path) -> None:
        path = folder / file
        for one in (
            lambda: load_tensors(path),
            lambda: read_prednet(path),
            lambda: load_tensors(path, "msoe"),
        ):
            with suppress(InputError):
                one()
        _imported(path)

    return read


def _imported(path: Path) -> None:
    from stst.weights import formats

    raw = formats.read_raw(path)
    formats.write_safetensors(
        path.parent / "out" / "w.safetensors",
        {k: v.clone() for k, v in raw.tensors.items()},
        {},
        True,
    )


# results


def _results(folder: Path) -> dict[str, bytes]:
    """Measure one pair as a batch does."""
    from stst.analysis.manifest import NamedPair
    from stst.batch.pairs import PairBatch

    write_video(folder / "a.npz", Video(frames(0, 4, 16, 18), Fraction(25)))
    write_video(folder / "b.npz", Video(frames(1, 4, 16, 18), Fraction(25)))
    outcomes = list(
        PairBatch([NamedPair("one", "a.npz", "b.npz", folder)], folder / "results").run()
    )
    assert outcomes[-1].state == "done", outcomes
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _result(state: Mapping[str, bytes], rng: Random) -> dict[str, bytes]:
    made = dict(state)
    broken = rng.choice([name for name in made if name.startswith("results/")])
    data = made[broken]
    if broken.endswith(".json") and rng.random() < 0.7:
        data = _sidecar_json(json.loads(data), rng)
    elif broken.endswith(".csv") and rng.random() < 0.7:
        data = as_table([line.split(",") for line in data.decode().splitlines()], ",", rng)
    made[broken] = damaged(data, rng) if rng.random() < 0.5 or data == made[broken] else data
    return made


def _read_results(folder: Path) -> None:
    from stst.analysis.manifest import NamedPair
    from stst.batch.pairs import PairBatch, _join

    results = folder / "results"
    read = PairBatch([NamedPair("one", "a.npz", "b.npz", folder)], results)
    for name in () if read.left else read.settings.tables:
        _join([results / "one" / name], folder / "out" / name)


def _records(_: Path) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    record = {"name": "vgg19-keras", "url": "http://x", "verified": True, "sha256": "0" * 64}
    return {"w.npz": b"no matter"}, [record]


def _read_record(folder: Path) -> None:
    read_record(folder / "w.npz")
    os.environ["STST_WEIGHTS_DIR"] = str(folder)
    (folder / "out" / "cache").mkdir()
    os.environ["STST_CACHE_DIR"] = str(folder / "out" / "cache")
    try:
        load_tensors(folder / "w.npz")
    except InputError as error:
        if "not a whole npz" not in str(error):
            raise


FORMATS = (
    _text_format(
        "toml",
        "config.toml",
        _presets,
        lambda tree, rng: as_toml(changed(tree, rng), rng),
        _read_config,
    ),
    Format(
        "set",
        lambda _: sorted({key for name in preset_names() for key in _keys(preset_tree(name))}),
        _assignments,
        _read_assignments,
        ("`assignments`", "config: "),
    ),
    _manifest("csv", ","),
    _manifest("tsv", "\t"),
    _text_format(
        "pairs.toml",
        "pairs.toml",
        lambda _: ({}, [_PAIRS]),
        lambda tree, rng: as_toml(changed(tree, rng), rng),
        lambda folder: _read_manifest(folder / "pairs.toml"),
    ),
    _text_format(
        "batch.csv",
        "jobs.csv",
        lambda _: ({}, [_BATCH, _BATCH[:2]]),
        lambda rows, rng: as_table(rows, ",", rng),
        lambda folder: _read_batch(folder / "jobs.csv"),
    ),
    _text_format(
        "batch.toml",
        "jobs.toml",
        lambda _: ({}, [_JOBS, _JOBS, _OWN_MODEL]),
        lambda tree, rng: as_toml(changed(tree, rng), rng),
        lambda folder: _read_batch(folder / "jobs.toml"),
    ),
    _text_format("remake", "made.json", _sidecars, _sidecar_json, _read_remake, ("--device",)),
    _text_format("info", "made.json", _sidecars, _sidecar_json, _read_info),
    _text_format("compare", "made.json", _sidecars, _sidecar_json, _read_pair),
    _text_format("report", "made.json", _sidecars, _sidecar_json, _read_for_report),
    Format("run", _runs, _run, _read_run),
    Format("w.npz", _archives, _archive, _weights_reader("w.npz")),
    Format("h5", _hdf5s, _hdf5, _weights_reader("w.h5")),
    Format("safetensors", _safes, _safe, _weights_reader("w.safetensors")),
    Format("pth", _pths, _pth, _weights_reader("w.pth")),
    Format("results", _results, _result, _read_results),
    _text_format("record", "w.npz.json", _records, _sidecar_json, _read_record),
)
