"""Inversions that take a moment: the tiny video model, few iterations."""

from __future__ import annotations

from stst.config import LeapsConfig, build, merge

TREE = {
    "method": "leaps",
    "model": "tiny_video:clips",
    "target": "right",
    "verifier": "tiny_video:verifier",
    "verifier_weights": "none",
    "iterations": 5,
    "checkpoint_every": 2,
    "warm_up": 2,
    "learning_rate": 0.05,
    "roll": 3,
    "device": "cpu",
}
#: The same on the command line.
SMALL = (
    *("--model", "tiny_video:clips", "--target", "right", "--device", "cpu"),
    *("--verifier", "tiny_video:verifier", "--verifier-weights", "none", "--iterations", "5"),
    *("--set", "checkpoint_every=2", "--set", "warm_up=2", "--set", "learning_rate=0.05"),
    *("--set", "roll=3"),
)
#: For commands that take the models' names out of a file.
TRUST = ("--trust-model", "tiny_video:clips", "--trust-model", "tiny_video:verifier")


def config(**changes) -> LeapsConfig:
    return build(merge(TREE, changes), LeapsConfig)
