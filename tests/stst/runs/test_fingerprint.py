from __future__ import annotations

import pytest

from stst.runs.fingerprint import Fingerprint, config_difference

RECORD = {
    "method": "stst",
    "config": {"blend": 0.95, "octaves": [{"exponent": 0, "iterations": 3}]},
    "inputs": [
        {"role": "natural", "path": "in/cat.mkv", "sha256": "a", "frames": [0, 4]},
        {"role": "color", "path": "dog.mkv", "sha256": "b", "frames": [0, 4]},
    ],
    "weights": [{"name": "vgg19", "hash": "1"}],
    "environment": {"threads": 1},
}


def changed(**parts):
    return {**RECORD, **parts}


def natural(**changes):
    first, second = RECORD["inputs"]
    return [{**first, **changes}, second]


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (RECORD, ""),
        (changed(method="stps"), "it is a run of stps"),
        (
            changed(config={**RECORD["config"], "blend": 1}),
            "config.blend was 1 when it was started",
        ),
        (
            changed(config={**RECORD["config"], "octaves": [{"exponent": 0, "iterations": 5}]}),
            "config.octaves.0.iterations was 5",
        ),
        (changed(inputs=natural(sha256="c")), "the clip cat.mkv (natural) is not the one it was"),
        (changed(inputs=natural(frames=[0, 2])), "cat.mkv (natural).frames.1 was 2"),
        (
            changed(inputs=RECORD["inputs"][:1]),
            "the clips were natural and are natural, color now",
        ),
        (changed(inputs=["x"]), "the clips were 'x' and are natural, color now"),
        (changed(inputs=None), "inputs was nothing"),
        (changed(weights=[{"name": "vgg19", "hash": "2"}]), "weights.0.hash was '2'"),
        (changed(environment={"threads": 2}), "environment.threads was 2"),
        (changed(environment="none"), "environment was 'none'"),
        # what changes no bytes
        (changed(config={**RECORD["config"], "checkpoint_every": 7}), ""),
        ({**RECORD, "seconds": 3.5}, ""),
    ],
)
def test_what_differs_first_is_said(then, words):
    found = Fingerprint(RECORD).difference(then)
    assert found.startswith(words)
    assert bool(found) == bool(words)


def test_nothing_on_record_is_a_difference():
    assert Fingerprint(RECORD).difference({})


@pytest.mark.parametrize(
    ("now", "then", "words"),
    [
        # a run fills in what is left to the model or the device
        ({"device": "auto", "precision": "auto"}, {"device": "cuda", "precision": "bf16"}, None),
        ({"spatial": {"texture_layers": None}}, {"spatial": {"texture_layers": ["a"]}}, None),
        ({"seed": 1, "mask": "m.png"}, {"seed": 2, "mask": "../m.png"}, None),
        ({"blend": 0.5}, {"blend": 0.9}, "blend was 0.9 and is 0.5 now"),
        ({"spatial": {"model": "a"}}, {"spatial": {"model": "b"}}, "spatial.model was 'b'"),
        ({"octaves": [{"exponent": 0}]}, {"octaves": []}, "octaves was []"),
        ({"octaves": [{"exponent": 0, "tv": None}]}, {"octaves": [{"exponent": 0}]}, None),
        ({"spatial": {"model": "a"}}, {"spatial": 3}, "spatial was 3"),
    ],
)
def test_a_request_and_what_a_run_has_made_of_it(now, then, words):
    found = config_difference({"method": "stst", **now}, {"method": "stst", **then})
    assert found is None if words is None else found.startswith(words)


def test_what_a_run_fills_in_is_known_of_our_own_methods_alone():
    now, then = {"rate": 2}, {"rate": 1}
    assert config_difference({**now, "method": "leaps"}, {**then, "method": "leaps"}) is None
    # what is filled in tells of no change; what was said and is another now, does
    leaps = {"method": "leaps", "priming_weight": None}
    assert config_difference(leaps, {"method": "leaps", "priming_weight": 0.01}) is None
    found = config_difference({**leaps, "priming_weight": 1.0}, {**leaps, "priming_weight": 0.01})
    assert found == "priming_weight was 0.01 and is 1.0 now"
    other = config_difference({**now, "method": "drift"}, {**then, "method": "drift"})
    assert other == "rate was 1 and is 2 now"
