"""Make the three sample clips from photographs that ship inside scikit-image.

Each clip is what a moving camera would see of a photograph: one window per layer and frame,
shifted, zoomed and turned at a constant rate. The photographs are sampled where the window's
pixels fall, so every motion is known exactly; `motion.json` keeps it beside the clips.

Run ``python sample_data/make_clips.py`` to write the clips and `motion.json` again.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from skimage import data
from skimage.draw import polygon2mask
from skimage.filters import gaussian
from skimage.transform import AffineTransform, warp

HEIGHT, WIDTH, FRAMES, FPS = 144, 192, 24, 24

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

# The outline of the astronaut and of the helmet she holds, as (x, y) in `skimage.data.astronaut`.
ASTRONAUT_OUTLINE = (
    *((19, 400), (24, 340), (36, 300), (46, 272), (60, 248), (78, 229), (96, 218), (110, 208)),
    *(
        (113, 197),
        (116, 187),
        (122, 184),
        (127, 176),
        (133, 166),
        (142, 157),
        (155, 151),
        (171, 148),
    ),
    *((184, 149), (183, 143), (182, 132), (174, 128), (166, 114), (158, 104), (155, 90), (155, 68)),
    *((160, 56), (170, 44), (187, 35), (201, 25), (216, 18), (230, 16), (246, 18), (262, 24)),
    *((278, 33), (290, 48), (297, 62), (301, 85), (297, 103), (291, 118), (283, 128), (277, 134)),
    *(
        (267, 136),
        (262, 150),
        (258, 166),
        (256, 174),
        (266, 182),
        (279, 193),
        (292, 208),
        (300, 222),
    ),
    *(
        (304, 235),
        (317, 243),
        (333, 255),
        (343, 268),
        (349, 283),
        (354, 300),
        (360, 325),
        (361, 349),
    ),
    *(
        (385, 345),
        (415, 344),
        (445, 352),
        (470, 368),
        (486, 390),
        (496, 430),
        (498, 450),
        (511, 470),
    ),
    *((511, 511), (20, 511)),
)


@dataclass(frozen=True)
class Layer:
    """A photograph, or a part of it, and the window that travels over it.

    Parameters
    ----------
    name
        What the layer shows.
    start
        Centre of the first frame's window in the photograph, (x, y) in its pixels.
    pan
        Speed of what is seen, (x, y) in frame pixels per frame: the window goes the other way.
    scale
        Photograph pixels per frame pixel in the first frame.
    zoom
        Growth of what is seen, as a fraction per frame.
    turn
        Rotation of what is seen about the window's centre, in degrees per frame, clockwise.
    angle
        Rotation in the first frame, in degrees.
    """

    name: str
    start: tuple[float, float]
    pan: tuple[float, float]
    scale: float
    zoom: float = 0.0
    turn: float = 0.0
    angle: float = 0.0

    def window(self, frame: int) -> Floats:
        """Place one frame in the photograph.

        Parameters
        ----------
        frame
            Number of the frame, from 0.

        Returns
        -------
        ndarray
            2 x 3 matrix from a frame's (x, y, 1) to the photograph's (x, y), pixel centres at
            whole numbers.
        """
        scale = self.scale * math.exp(-self.zoom * frame)
        angle = -math.radians(self.angle + self.turn * frame)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        centre = np.asarray(self.start) - self.scale * frame * np.asarray(self.pan)
        middle = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
        return np.column_stack([scale * turn, centre - scale * turn @ middle])

    def flow(self, frame: int) -> Floats:
        """Say where each pixel of a frame is seen in the next one.

        Parameters
        ----------
        frame
            Number of the earlier frame, from 0.

        Returns
        -------
        ndarray
            Displacements (x, y) in pixels, of shape (height, width, 2).
        """
        here, there = self.window(frame), self.window(frame + 1)
        y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
        pixels = np.stack([x, y], axis=-1)
        seen = pixels @ here[:, :2].T + here[:, 2]
        return (seen - there[:, 2]) @ np.linalg.inv(there[:, :2]).T - pixels


@dataclass(frozen=True)
class Clip:
    """One clip: a photograph, its layers from back to front, and the front layer's outline.

    Parameters
    ----------
    photograph
        Name of the function of `skimage.data` that loads it.
    layers
        The whole photograph; or its background, then the part inside `outline`.
    outline
        Corners (x, y) of the part in front; empty with one layer.
    """

    photograph: str
    layers: tuple[Layer, ...]
    outline: tuple[tuple[int, int], ...] = ()

    def render(self) -> tuple[Bytes, NDArray[np.bool_]]:
        """Render all frames.

        Returns
        -------
        frames : ndarray
            RGB frames of shape (frames, height, width, 3).
        front : ndarray
            Where the last layer is seen, of shape (frames, height, width).
        """
        photograph = getattr(data, self.photograph)() / 255.0
        back = self.layers[0]
        if not self.outline:
            frames = _sampled(photograph, back)
            return _bytes(frames), np.ones(frames.shape[:3], dtype=bool)
        corners = np.array(self.outline, dtype=np.float64)[:, ::-1]
        mask = polygon2mask(photograph.shape[:2], corners).astype(np.float64)
        frames = _sampled(_without(photograph, mask), back)
        # Outside the photograph nothing is in front, so a window may pass its edge there.
        alpha = _sampled(gaussian(mask, 1.0)[..., None], self.layers[1], inside=False)
        front = _sampled(photograph, self.layers[1], inside=False)
        return _bytes(frames + alpha * (front - frames)), alpha[..., 0] >= 0.5

    def flow(self, front: NDArray[np.bool_]) -> Floats:
        """Say how each pixel moves from each frame to the next.

        Parameters
        ----------
        front
            Where the last layer is seen, as `render` returns it.

        Returns
        -------
        ndarray
            Displacements (x, y) in pixels, of shape (frames - 1, height, width, 2).
        """
        steps = range(FRAMES - 1)
        flows = [np.stack([layer.flow(step) for step in steps]) for layer in self.layers]
        return np.where(front[:-1, ..., None], flows[-1], flows[0])


CLIPS = {
    "cat": Clip(
        "cat",
        (Layer("cat", start=(187, 142), pan=(-1.2, -0.2), scale=1.9, zoom=0.008),),
    ),
    "astronaut": Clip(
        "astronaut",
        (
            Layer("background", start=(238, 153), pan=(-0.8, -0.1), scale=2.1),
            Layer("astronaut and helmet", start=(224, 150), pan=(-1.8, -0.2), scale=2.1),
        ),
        ASTRONAUT_OUTLINE,
    ),
    "coffee": Clip(
        "coffee",
        (Layer("coffee", start=(270, 193), pan=(-1.2, -0.3), scale=2.2, turn=0.6, angle=-7),),
    ),
}


def _sampled(image: Floats, layer: Layer, inside: bool = True) -> Floats:
    """Sample an image in a layer's windows, after the blur that keeps it from aliasing."""
    height, width = image.shape[:2]
    blur = 0.5 * math.sqrt(max(layer.scale**2 - 1, 0.0))
    soft = gaussian(image, blur, channel_axis=-1)
    corners = np.array([[x, y, 1] for x in (0, WIDTH - 1) for y in (0, HEIGHT - 1)])
    frames = np.empty((FRAMES, HEIGHT, WIDTH, image.shape[2]))
    for number in range(FRAMES):
        window = layer.window(number)
        x, y = window @ corners.T
        if inside and (min(x.min(), y.min()) < 1 or x.max() > width - 2 or y.max() > height - 2):
            raise ValueError(f"{layer.name}: the window of frame {number} leaves the photograph.")
        place = AffineTransform(matrix=np.vstack([window, [0, 0, 1]]))
        frames[number] = warp(soft, place, output_shape=(HEIGHT, WIDTH), order=3, mode="edge")
    return frames


def _without(image: Floats, mask: Floats) -> Floats:
    """Fill the masked part of an image from around it, the nearest surroundings first."""
    known = (gaussian(mask, 3.0) < 0.02).astype(np.float64)[..., None]
    filled, missing = image * known, 1 - known
    for sigma in (2, 4, 8, 16, 32, 64):
        weight = gaussian(known, sigma, channel_axis=-1)
        guess = gaussian(image * known, sigma, channel_axis=-1) / np.maximum(weight, 1e-9)
        share = missing * np.clip(weight / 0.1, 0, 1)
        filled, missing = filled + share * guess, missing - share
    mean = (image * known).sum(axis=(0, 1)) / known.sum()
    return filled + missing * mean


def _bytes(frames: Floats) -> Bytes:
    """Round frames in [0, 1] to 8 bits."""
    return np.rint(255 * np.clip(frames, 0, 1)).astype(np.uint8)


def write_clip(path: Path, frames: Bytes) -> None:
    """Write frames to Matroska as lossless FFV1 with no date or version inside.

    Parameters
    ----------
    path
        The file to write; an existing one is replaced.
    frames
        RGB frames of shape (frames, height, width, 3).
    """
    options = {"fflags": "+bitexact"}
    with av.open(str(path), "w", format="matroska", container_options=options) as container:
        coding = {"level": "3", "coder": "1", "context": "1", "slices": "4", "flags": "+bitexact"}
        stream = container.add_stream("ffv1", rate=FPS, options=coding)
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.pix_fmt = "bgr0"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            container.mux(stream.encode(picture.reformat(format="bgr0")))
        container.mux(stream.encode())


def describe(clip: Clip, front: NDArray[np.bool_]) -> dict[str, object]:
    """Describe a clip's motion for `motion.json`.

    Parameters
    ----------
    clip
        The clip.
    front
        Where its last layer is seen, as `Clip.render` returns it.

    Returns
    -------
    dict
        The photograph's name, the mean speed in pixels per frame over all pixels, and per layer
        its rates and its window in every frame.
    """
    layers = [
        {
            "name": layer.name,
            "pan_px_per_frame": list(layer.pan),
            "zoom_per_frame": layer.zoom,
            "turn_deg_per_frame": layer.turn,
            "mean_speed_px_per_frame": round(
                float(np.mean([np.hypot(*layer.flow(n).T).mean() for n in range(FRAMES - 1)])), 4
            ),
            "photograph_from_frame": [
                [round(float(value), 4) + 0.0 for value in layer.window(n).ravel()]
                for n in range(FRAMES)
            ],
        }
        for layer in clip.layers
    ]
    speed = np.hypot(*np.moveaxis(clip.flow(front), -1, 0)).mean()
    return {
        "photograph": f"skimage.data.{clip.photograph}",
        "mean_speed_px_per_frame": round(float(speed), 4),
        "layers": layers,
    }


def _dumped(value: object, indent: int = 0) -> str:
    """Write JSON with every innermost list on a line of its own."""
    pad = "  " * (indent + 1)
    if isinstance(value, dict):
        rows = [
            f"{pad}{json.dumps(key)}: {_dumped(item, indent + 1)}" for key, item in value.items()
        ]
        return "{\n" + ",\n".join(rows) + "\n" + pad[2:] + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict | list):
        rows = [pad + _dumped(item, indent + 1) for item in value]
        return "[\n" + ",\n".join(rows) + "\n" + pad[2:] + "]"
    return json.dumps(value)


def main() -> None:
    """Write the clips and `motion.json` into a folder, by default this script's own."""
    parser = argparse.ArgumentParser(description="Make the sample clips and motion.json.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    folder = parser.parse_args().folder
    described: dict[str, object] = {}
    for name, clip in CLIPS.items():
        frames, front = clip.render()
        write_clip(folder / f"{name}.mkv", frames)
        described[f"{name}.mkv"] = describe(clip, front)
    motion = {
        "height": HEIGHT,
        "width": WIDTH,
        "frames": FRAMES,
        "fps": FPS,
        "clips": described,
    }
    (folder / "motion.json").write_text(_dumped(motion) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
