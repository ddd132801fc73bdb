"""Whatever a caller has set in torch: the same bytes come out, and it is as it was afterwards."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import small_inversions
import stst
from small_runs import config, frames
from stst.analysis.cka.models import cka_rows
from stst.analysis.cka.similarity import kernel, kernel_cka, linear_cka
from stst.analysis.cka.unrelated import UnrelatedClip
from stst.analysis.comparison import compare
from stst.analysis.features import features
from stst.analysis.gram_models import load_judges, streams_of_pair
from stst.analysis.prediction import PredictionSettings, load_predictor, predictions
from stst.analysis.validity import validity
from stst.config import StreamConfig
from stst.config.cka import CkaSettings, ClassifierSpec
from stst.engine.color_transfer import color_transfer, regrain
from stst.engine.events import FrameDone, IterationDone
from stst.engine.loop import Adam, NormalizedGradientDescent, optimize
from stst.engine.losses import content_loss, texture_loss, total_variation
from stst.engine.losses import gram as layer_gram
from stst.engine.phases import PhaseFields, factors, own_partners
from stst.errors import DivergedError
from stst.methods.leaps.classifiers import class_names
from stst.methods.leaps.terms import coherence, priming_jaccard
from stst.models import Multiscale, load_stream, validate_stream
from stst.models.classifiers import layer_names, load_classifier
from stst.models.filterbank import FilterBank
from stst.models.motion_energy import MotionEnergy
from stst.models.msoe import MSOE, SCALES
from stst.models.prednet import PredNet
from stst.models.vgg import VGG19
from stst.training.job import TrainingJob
from stst.training.prednet import TrainingSettings
from stst.utils.devices import numerics
from stst.weights import load_tensors
from stst.weights.formats import write_safetensors

FPS = Fraction(25)
CPU = torch.device("cpu")


# --- what a caller can have set -----------------------------------------------------------------


@contextmanager
def put(setting: Callable[[Any], object], value: Any, before: Any) -> Iterator[None]:
    setting(value)
    try:
        yield
    finally:
        setting(before)


@contextmanager
def kept(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def other_seeds() -> Iterator[None]:
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    torch.manual_seed(123)
    np.random.seed(123)  # noqa: NPY002
    random.seed(123)
    try:
        yield
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        random.setstate(before[2])


STATES: dict[str, Callable[[], Any]] = {
    "float64": lambda: put(torch.set_default_dtype, torch.float64, torch.float32),
    "float16": lambda: put(torch.set_default_dtype, torch.float16, torch.float32),
    "default device": lambda: put(torch.set_default_device, "meta", None),
    "device block": lambda: torch.device("meta"),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "set_grad_enabled": lambda: put(torch.set_grad_enabled, False, True),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "deterministic": lambda: put(torch.use_deterministic_algorithms, True, False),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "threads": lambda: put(torch.set_num_threads, 3, torch.get_num_threads()),
    "products": lambda: put(torch.set_float32_matmul_precision, "medium", "highest"),
    "no mkldnn": lambda: kept(torch.backends.mkldnn, "enabled", False),
    "deterministic mkldnn": lambda: kept(torch.backends.mkldnn, "deterministic", True),
    "cudnn": lambda: kept(torch.backends.cudnn, "benchmark", True),
    "attention": lambda: torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
    "no fast path": lambda: put(torch.backends.mha.set_fastpath_enabled, False, True),
    "no denormals": lambda: put(torch.set_flush_denormal, True, False),
    "seeds": other_seeds,
}
if hasattr(torch.backends, "fp32_precision"):
    STATES["newer products"] = lambda: kept(torch.backends.mkldnn.matmul, "fp32_precision", "bf16")
    STATES["newer everything"] = lambda: kept(torch.backends, "fp32_precision", "tf32")


def settings() -> dict[str, Any]:
    """Everything that a caller could find changed."""

    def asked(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except RuntimeError as error:  # two ways to say how exact products are disagree
            return str(error)

    backends = torch.backends
    found = {
        "dtype": torch.get_default_dtype(),
        "device": torch.empty(0).device,
        "modes": torch._C._len_torch_function_stack(),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": [torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda", "mps")],
        "autocast dtype": torch.get_autocast_dtype("cpu"),
        "deterministic": torch.get_deterministic_debug_mode(),
        "anomalies": (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        "threads": torch.get_num_threads(),
        "products": asked(torch.get_float32_matmul_precision),
        "cublas": asked(lambda: backends.cuda.matmul.allow_tf32),
        "cudnn tf32": asked(lambda: backends.cudnn.allow_tf32),
        "cudnn": (backends.cudnn.enabled, backends.cudnn.benchmark, backends.cudnn.deterministic),
        "mkldnn": (backends.mkldnn.enabled, backends.mkldnn.deterministic),
        "attention": (backends.cuda.flash_sdp_enabled(), backends.cuda.math_sdp_enabled()),
        "fast path": backends.mha.get_fastpath_enabled(),
        "no denormals": sys.float_info.min * 0.5 == 0,
        "random": (
            torch.get_rng_state().tolist(),
            np.random.get_state()[1].tolist(),  # noqa: NPY002
            random.getstate(),
        ),
        "numpy": np.geterr(),
    }
    if hasattr(torch.backends, "fp32_precision"):
        found["newer"] = [
            torch._C._get_fp32_precision_getter(*names)
            for names in (
                ("generic", "all"), ("cuda", "all"), ("cuda", "matmul"), ("cuda", "conv"),
                ("mkldnn", "all"), ("mkldnn", "matmul"), ("mkldnn", "conv"),
            )
        ]  # fmt: skip
    return found


# --- what a caller can have done ----------------------------------------------------------------


def video(count=3, height=18, width=20, seed=0) -> stst.Video:
    return stst.Video(frames(count, height, width, seed), FPS)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    """Numbers of its own generator, whatever is set."""
    values = np.random.default_rng(seed).random(shape, np.float32)
    return torch.from_numpy(values)


BUILTIN = {"spatial": {"model": "filterbank"}, "temporal": {"model": "motion_energy"}}
VGG_WEIGHTS = {"conv1_1.weight": drawn(64, 3, 3, 3) - 0.5, "conv1_1.bias": drawn(64)}
MSOE_WEIGHTS = {
    name: drawn(*shape) - 0.5
    for name, shape in {
        "conv1.weight": (32, 2, 11, 11), "conv1.bias": (32,), "conv2.weight": (64, 32, 1, 1),
        "conv2.bias": (64,), "conv3.weight": (64, 320, 3, 3), "conv3.bias": (64,),
        "conv4.weight": (2, 64, 1, 1), "conv4.bias": (2,),
    }.items()
}  # fmt: skip


class Bright:
    """An objective of the test's own: how far from white, and a product."""

    terms = ("far", "product")

    def __call__(self, images):
        far = (1 - images).square().mean((1, 2, 3))
        return torch.stack([far, (images @ images.mT).mean((1, 2, 3))], 1)


def steps_of(images, rule) -> Iterator[Any]:
    return optimize(images, Bright(), rule=rule, iterations=4, learning_rate=0.1)


def pictures() -> torch.Tensor:
    with torch.inference_mode(False):  # they are changed in place
        return drawn(2, 3, 6, 6)


def in_steps(rule) -> torch.Tensor:
    images = pictures()
    for _ in steps_of(images, rule):
        pass
    return images


def job(folder: Path, **changes: Any) -> stst.Job:
    natural = folder / "natural.npz"
    if not natural.exists():
        stst.write_video(natural, frames(), FPS)
    return stst.Job(natural, str(folder / "out.npy"), config(**changes), overwrite=True)


def made_by_a_job(folder: Path) -> np.ndarray:
    made = job(folder)
    made.estimate(made.prepared)
    list(made.run())
    return np.load(folder / "out.npy")


TRAINING = TrainingSettings(
    size=(8, 12), stack=(3, 4, 5), steps=2, batch=2, sequence=3, learning_rate=0.01
)


def training(folder: Path) -> TrainingJob:
    clip = folder / "natural.mkv"
    if not clip.exists():
        stst.write_video(clip, frames(5), FPS)
    return TrainingJob(
        [clip], folder / "w.safetensors", TRAINING, clip, device="cpu", overwrite=True
    )


def trained(folder: Path) -> dict[str, torch.Tensor]:
    list(training(folder).run())
    return load_tensors(folder / "w.safetensors").tensors


def clip_cka(kind: str, **settings: Any) -> list[Any]:
    choices = {
        "image": ClassifierSpec("tiny_classifier:image", layers=("early", "head"), input="16x16"),
        "video": ClassifierSpec(
            "tiny_classifier:video", layers=("0", "2"), window=3, kind="video", input="native"
        ),
    }
    model = load_classifier(choices[kind], CPU)
    others = {"b": video(6, seed=1)}
    rows = cka_rows(video(6), others, "a", model, unrelated(), CkaSettings(**settings))
    return [row["value"] for row in rows]


def unrelated() -> dict[str, list[UnrelatedClip]]:
    """Give a clip for the null of one that is called b."""
    return {"b": [UnrelatedClip("u", video(6, seed=2))]}


def stream_of(name: str, kind: str) -> Any:
    stream = load_stream(kind, StreamConfig(model=name)).stream
    shape = (1, 3, 18, 20) if kind == "spatial" else (1, 2, 3, 18, 20)
    return list(stream(drawn(*shape), stream.layers).values())


WORK: dict[str, Callable[[Path], Any]] = {
    "synthesize": lambda _: stst.synthesize(video(), config(**BUILTIN, precision="fp32")),
    "synthesize in bf16": lambda _: stst.synthesize(
        video(), config(**BUILTIN, precision="bf16", optimizer={"name": "adam"})
    ),
    "synthesize a region": lambda _: stst.synthesize(
        video(), config(**BUILTIN, precision="fp32"), mask=frames(1)[0, :, :, 0] > 99
    ),
    "synthesize with own streams": lambda _: stst.synthesize(video(), config(samples=2)),
    "synthesize with an unseeded stream": lambda _: stst.synthesize(
        video(), config(spatial={"model": "tiny_model:unseeded"})
    ),
    "scramble": lambda _: stst.scramble(video(), stst.StpsConfig(seed=1)),
    "scramble in fp32": lambda _: stst.scramble(
        video(), stst.StpsConfig(seed=1, precision="fp32", coherence=0.5, phase_per_channel=True)
    ),
    "leaps": lambda _: stst.leaps(None, small_inversions.config()),
    "leaps with a stimulus": lambda _: stst.leaps(
        video(24, 12, 14), small_inversions.config(precision="fp32", rate=10)
    ),
    "class names": lambda _: [len(class_names("tiny_video:clips"))],
    "job": made_by_a_job,
    "training": trained,
    "features": lambda _: [dict(features(video()).values)],
    "comparison": lambda _: [
        list(one.values())
        for one in compare(features(video()), features(video(seed=1))).values()
    ],
    "cka of numbers": lambda _: [
        linear_cka(drawn(9, 40), drawn(9, 30, seed=1), estimator)
        for estimator in ("biased", "unbiased")
    ],
    "cka of many numbers": lambda _: [linear_cka(drawn(40, 2), drawn(40, 3, seed=1))],
    "cka of kernels": lambda _: [
        kernel_cka(kernel(drawn(9, 40)), kernel(drawn(9, 40, seed=1))),
        kernel_cka(kernel(drawn(40, 9)).first(9), kernel(drawn(9, 40, seed=1))),
    ],
    "cka of images": lambda _: clip_cka("image"),
    "cka of videos": lambda _: clip_cka("video", estimator="biased"),
    "cka of whole clips": lambda _: clip_cka("image", examples="frames"),
    "layer names": lambda _: [len(layer_names(ClassifierSpec("tiny_classifier:image")))],
    "prediction": lambda _: [
        dict(predictions(video(), load_predictor(
            PredictionSettings("none", size=(16, 16), window=2, device="cpu")
        )).values)
    ],
    "validity": lambda _: [
        [one.distances, one.null_natural]
        for one in validity(
            video(13), [video(13, seed=1)], load_judges(streams_of_pair("builtin"), "cpu")
        )[0].layers
    ],
    "filter bank": lambda _: stream_of("filterbank", "spatial"),
    "motion energy": lambda _: stream_of("motion_energy", "temporal"),
    "classes themselves": lambda _: [
        *FilterBank()(drawn(1, 3, 9, 9), FilterBank.layers).values(),
        *MotionEnergy()(drawn(1, 2, 3, 9, 9)).values(),
        *VGG19(VGG_WEIGHTS, "torchvision")(drawn(1, 3, 9, 9), ["conv1_1"]).values(),
        *MSOE(MSOE_WEIGHTS)(drawn(1, 2, 3, 4 * 2 ** (SCALES - 1) + 1, 70)).values(),
        PredNet((3, 4, 5)).run(drawn(1, 2, 3, 8, 8)).prediction,
    ],
    "validation of a stream": lambda _: [
        len(validate_stream(FilterBank().requires_grad_(False), "spatial", "it").layers)
    ],
    "losses": lambda _: [
        texture_loss(layer_gram(drawn(2, 4, 9, 9)), layer_gram(drawn(1, 4, 9, 9, seed=1))),
        content_loss(drawn(2, 4, 9, 9), drawn(1, 4, 9, 9, seed=1)),
        total_variation(drawn(2, 3, 9, 9)),
    ],
    "several scales": lambda _: [
        Multiscale((drawn(1, 3, 11, 13), drawn(1, 2, 6, 7), drawn(1, 2, 3, 4))).gram(),
        Multiscale((drawn(1, 3, 11, 13), drawn(1, 2, 6, 7))).concatenate(),
    ],
    "terms": lambda _: [
        coherence(drawn(2, 4, 3, 5)),
        priming_jaccard([drawn(2, 5)], [drawn(1, 5, seed=1)]),
    ],
    "colour transfer": lambda _: [
        color_transfer(drawn(2, 3, 18, 20), drawn(1, 3, 18, 20, seed=1)),
        color_transfer(
            drawn(2, 3, 18, 20), drawn(1, 3, 18, 20, seed=1), drawn(1, 1, 18, 20) > 0.5
        ),
        regrain(drawn(2, 3, 18, 20), drawn(2, 3, 18, 20, seed=1)),
    ],
    "phases": lambda _: [
        own_partners((4, 6)),
        PhaseFields(3, (4, 5, 6), 1).spatial(),
        PhaseFields(3, (4, 5, 6), 3).temporal(),
        PhaseFields(3, (4, 5, 6), 3).spatiotemporal(0, 5),
        factors(drawn(4, 4).double(), own_partners((4, 6)), 0.4),
    ],
    "optimisation": lambda _: [
        in_steps(NormalizedGradientDescent(True)), in_steps(Adam((0.9, 0.999))),
    ],
}  # fmt: skip


def plain(found: Any) -> Any:
    """Bring results to what can be compared bit by bit."""
    if isinstance(found, torch.Tensor):
        assert found.device == CPU
        return str(found.dtype), repr(found.tolist())
    if isinstance(found, np.ndarray):
        return found.shape, str(found.dtype), found.tobytes()
    if isinstance(found, stst.Video):
        return plain(found.frames)
    if isinstance(found, dict):
        return {key: plain(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [plain(one) for one in found]
    if is_dataclass(found):
        return [plain(getattr(found, field.name)) for field in fields(found)]
    return float(found).hex()


EXPECTED: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """As if the machine had two cores: sums can depend on the number."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")


def expected(name: str, folder: Path) -> Any:
    if name not in EXPECTED:
        EXPECTED[name] = plain(WORK[name](folder))
    return EXPECTED[name]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", WORK)
def test_the_same_comes_out_and_nothing_stays_changed(name, state, tmp_path):
    want = expected(name, tmp_path)
    with STATES[state]():
        before = settings()
        found = WORK[name](tmp_path)
        after = settings()
    assert plain(found) == want
    assert after == before


def test_the_sidecar_has_the_threads_that_computed(tmp_path):
    with STATES["threads"]():
        made_by_a_job(tmp_path)
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert found["environment"]["threads"] == 2


# --- in between, and where it ends otherwise ------------------------------------------------------


GENERATORS: dict[str, Callable[[Path], Iterator[Any]]] = {
    "job": lambda folder: job(folder).run(),
    "training": lambda folder: training(folder).run(),
    "optimisation": lambda _: steps_of(pictures(), Adam((0.9, 0.9))),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", GENERATORS)
def test_the_caller_s_settings_hold_between_two_steps(name, state, tmp_path):
    with STATES[state]():
        before = settings()
        steps = GENERATORS[name](tmp_path)
        count = 0
        for _ in steps:
            assert settings() == before
            count += 1
            if count == 4:
                break
        assert count in (3, 4)  # training has three
        steps.close()
        assert settings() == before


@pytest.mark.parametrize("name", GENERATORS)
def test_an_exception_that_is_thrown_in(name, tmp_path):
    with STATES["float64"](), STATES["threads"]():
        before = settings()
        steps = GENERATORS[name](tmp_path)
        next(steps)
        with pytest.raises(ZeroDivisionError):
            steps.throw(ZeroDivisionError)
        assert settings() == before


@pytest.mark.parametrize("state", STATES)
def test_a_run_that_fails(state, tmp_path):
    model = {"model": "tiny_model:diverging"}
    with STATES[state]():
        before = settings()
        with pytest.raises(DivergedError):
            stst.synthesize(video(), config(spatial=model))
        assert settings() == before
        with pytest.raises(DivergedError):
            list(job(tmp_path, spatial=model).run())
        assert settings() == before
        with pytest.raises(stst.InputError):
            stst.leaps(None, small_inversions.config(target="no such class"))
        assert settings() == before


@pytest.mark.parametrize("state", STATES)
def test_what_the_caller_has_called_has_the_caller_s_settings(state, tmp_path):
    seen = []

    def note(*_: Any) -> bool:
        seen.append(settings())
        return False

    with STATES[state]():
        before = settings()
        stst.synthesize(video(), config(), on_event=note)
        stst.scramble(video(), on_event=note)
        stst.leaps(None, small_inversions.config(iterations=2), on_event=note)
        model = load_classifier(
            ClassifierSpec("tiny_classifier:image", layers=("early",), input="16x16"), CPU
        )
        cka_rows(video(), {"b": video()}, "a", model, unrelated(), on_frame=note)
        settings_of = PredictionSettings("none", size=(16, 16), window=2, device="cpu")
        predictions(video(), load_predictor(settings_of), note)
        judges = load_judges(streams_of_pair("builtin"), "cpu")
        validity(video(), [video()], judges, on_frame=note)
        list(job(tmp_path).run(stop=note))
        list(training(tmp_path).run(stop=note))
    assert len(seen) > 30
    assert all(one == before for one in seen)


def test_a_job_that_goes_on_under_other_settings(tmp_path):
    want = expected("job", tmp_path)
    with STATES["float64"]():
        steps = job(tmp_path).run()
        for event in steps:
            if isinstance(event, FrameDone) and event.frame == 0:
                next(steps)  # it is on disk
                break
        steps.close()
    begun = job(tmp_path)
    with STATES["no_grad"](), STATES["autocast"]():
        events = list(stst.Job(begun.natural, begun.output, begun.config, resume=True).run())
    assert sum(isinstance(event, IterationDone) for event in events) < 12
    assert plain(np.load(tmp_path / "out.npy")) == want


def test_what_a_user_s_model_sets_ends_with_it():
    before = settings()
    stst.synthesize(video(), config(spatial={"model": "tiny_model:careless"}))
    assert settings() == before


def test_what_is_kept_serves_a_later_run():
    """Matrices that are kept would be without gradients for ever."""
    from stst.models import activations

    activations._overlap.cache_clear()
    activations._upsampling.cache_clear()
    maps = (drawn(1, 3, 12, 14), drawn(1, 2, 5, 6))
    with torch.inference_mode():
        Multiscale(maps).gram()
        Multiscale(maps).concatenate()
    wanted = [one.clone().requires_grad_() for one in maps]
    total = Multiscale(tuple(wanted)).gram().sum() + Multiscale(tuple(wanted)).concatenate().sum()
    total.backward()
    assert all(bool(one.grad.isfinite().all()) for one in wanted)


def test_functions_of_tensors_leave_gradients_to_the_caller():
    values = drawn(1, 4, 9, 9).requires_grad_()
    assert layer_gram(values).requires_grad
    with torch.no_grad():
        assert not layer_gram(values).requires_grad
    with numerics(), torch.no_grad():
        assert not layer_gram(values).requires_grad
    (gradient,) = torch.autograd.grad(layer_gram(values).sum(), values)
    assert bool(gradient.any())


def test_weights_are_loaded_alike(tmp_path):
    write_safetensors(tmp_path / "a.safetensors", {"w": drawn(3, 4)}, {}, False)
    with STATES["inference_mode"](), STATES["default device"]():
        found = load_tensors(tmp_path / "a.safetensors").tensors["w"]
    assert not found.is_inference()
    assert plain(found) == plain(drawn(3, 4))
