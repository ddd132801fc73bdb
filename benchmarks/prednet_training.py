"""Train a small PredNet on the sample clips and judge it on a photograph that it never saw.

    OMP_NUM_THREADS=1 python benchmarks/prednet_training.py [--steps N] [--folder KEEP]

Trained on every second frame of the sample clips, where things move by 1.0 to 1.2 px per frame at
64x80, the size of training. Judged on a clip that pans over `skimage.data.rocket` by 2.1 px per
frame, and on every second frame of it, 4.2 px. Prints the mean squared error of the predicted
frames, that of copies of the last frame, and their ratio.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from stst.models.prednet import load_prednet
from stst.training.job import StepTrained, TrainingDone, TrainingJob
from stst.training.prednet import TrainingSettings, validate
from stst.training.sequences import load_clip

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_data"
PAN = 5.0  # px per frame of 192 px width
SETTINGS = TrainingSettings(
    size=(64, 80), stack=(3, 16, 32, 64), steps=1000, batch=2, skip=1, learning_rate=0.002,
    flip=True,
)  # fmt: skip


def write_unseen(path: Path) -> None:
    """Write the clip that the network is judged on."""
    sys.path.insert(0, str(SAMPLES))
    from make_clips import Clip, Layer, write_clip

    layer = Layer("rocket", start=(200, 213), pan=(-PAN, 0.0), scale=1.8)
    write_clip(path, Clip("rocket", (layer,)).render()[0])


def train(folder: Path, settings: TrainingSettings = SETTINGS, shown: int = 50) -> TrainingDone:
    """Train in a folder, and print the loss every `shown` steps."""
    unseen = folder / "rocket.mkv"
    write_unseen(unseen)
    clips = [SAMPLES / f"{name}.mkv" for name in ("astronaut", "cat", "coffee")]
    job = TrainingJob(
        clips, folder / "weights.safetensors", settings, validation=unseen, device="cpu", threads=1
    )
    for event in job.run():
        if isinstance(event, StepTrained) and event.step and not event.step % shown:
            print(f"step {event.step}: loss {event.loss:.4f}", flush=True)
    assert isinstance(event, TrainingDone)
    return event


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a small PredNet and judge it.")
    parser.add_argument("--steps", type=int, default=SETTINGS.steps)
    parser.add_argument("--folder", type=Path, help="where clip and weights stay")
    words = parser.parse_args()
    settings = replace(SETTINGS, steps=words.steps)
    with tempfile.TemporaryDirectory() as temporary:
        folder = words.folder or Path(temporary)
        done = train(folder, settings)
        print(f"trained in {done.seconds:.0f} s, {done.steps} steps")
        model, _ = load_prednet(done.path)
        frames = load_clip(folder / "rocket.mkv", settings.size, settings.fit, settings.sequence)
        for skip in (0, 1):
            judged = validate(model, frames, settings.sequence, skip)
            print(
                f"{PAN * 80 / 192 * (skip + 1):.2f} px per frame, {judged.frames} frames: "
                f"MSE of predictions {judged.model:.5f}, of copies of the last frame "
                f"{judged.copy:.5f}, ratio {judged.model / judged.copy:.3f}"
            )


if __name__ == "__main__":
    main()
