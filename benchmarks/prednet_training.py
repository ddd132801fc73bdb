"""Train a small PredNet on the sample clips and judge it on a photograph that it never saw.

    OMP_NUM_THREADS=1 python benchmarks/prednet_training.py [--steps N] [--folder KEEP]

Trained on every fourth frame of the sample clips, where things move by 2.0 to 2.3 px per frame at
64x80, the size of training. Judged on clips that pan over three other photographs by 2.1 px per
frame, and on every second frame of them, 4.2 px. Prints the mean squared error of the predicted
frames, that of copies of the last frame, and their ratio.

Three earlier settings were tried on the rocket, the last of them on the tissue, too; the motorcycle
had no part in choosing. On the rocket, most of it smooth sky, copies are better;
that three photographs teach too few colours may be why.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from skimage import data

from stst.models.prednet import load_prednet
from stst.training.job import StepTrained, TrainingDone, TrainingJob
from stst.training.prednet import TrainingSettings, validate
from stst.training.sequences import load_clip

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_data"
PAN = 5.0  # px per frame of 192 px width
SETTINGS = TrainingSettings(
    size=(64, 80), stack=(3, 16, 32, 64), steps=600, batch=4, sequence=6, skip=3,
    learning_rate=0.002, flip=True,
)  # fmt: skip


def write_unseen(folder: Path) -> list[Path]:
    """Write the clips that the network is judged on; the first moves to the left, others right."""
    sys.path.insert(0, str(SAMPLES))
    from make_clips import Layer, _bytes, _sampled, write_clip

    unseen = {
        "rocket": (data.rocket(), Layer("", (200, 213), pan=(-PAN, 0.0), scale=1.8)),
        "tissue": (data.immunohistochemistry(), Layer("", (350, 256), pan=(PAN, 0.0), scale=1.6)),
        "motorcycle": (data.stereo_motorcycle()[0], Layer("", (500, 250), (PAN, 0.0), scale=2.0)),
    }
    for name, (photograph, layer) in unseen.items():
        write_clip(folder / f"{name}.mkv", _bytes(_sampled(photograph / 255.0, layer)))
    return [folder / f"{name}.mkv" for name in unseen]


def train(folder: Path, settings: TrainingSettings = SETTINGS, shown: int = 50) -> TrainingDone:
    """Train in a folder, and print the loss every `shown` steps."""
    unseen = write_unseen(folder)[-1]
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
        for path, skip in itertools.product(write_unseen(folder), (0, 1)):
            frames = load_clip(path, settings.size, settings.fit, settings.sequence)
            judged = validate(model, frames, settings.sequence, skip)
            print(
                f"{path.stem}, {PAN * 80 / 192 * (skip + 1):.2f} px per frame, {judged.frames} "
                f"frames: MSE of predictions {judged.model:.5f}, of copies of the last frame "
                f"{judged.copy:.5f}, ratio {judged.model / judged.copy:.3f}"
            )


if __name__ == "__main__":
    main()
