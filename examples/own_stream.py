"""Use a model of your own as the spatial stream.

In Python, as here, or from the command line, in the folder of this file, with
``--set spatial.model=own_stream:edges``.


python examples/own_stream.py [OUTPUT_FOLDER]
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

import stst

CLIP = Path(__file__).parents[1] / "sample_data" / "cat.mkv"


class Edges(nn.Module):
    """Rectified oriented edges at two scales: a small model of V1."""

    layers = ("fine", "coarse")  # all that can be asked for, shallow to deep
    texture_layers = layers  # what is matched when the config says nothing else
    content_layers = ("coarse",)

    def __init__(self, orientations: int = 8, side: int = 9) -> None:
        super().__init__()
        place = torch.arange(side, dtype=torch.float32) - side // 2
        y, x = torch.meshgrid(place, place, indexing="ij")
        window = torch.exp(-(x**2 + y**2) / 8)
        kernels = []
        for angle in torch.arange(orientations) * torch.pi / orientations:
            wave = torch.sin(1.4 * (x * angle.cos() + y * angle.sin())) * window
            kernels.append(wave / wave.norm())
        # a buffer, not a parameter: synthesis changes frames, never the model
        self.register_buffer("kernels", torch.stack(kernels)[:, None])

    def min_side(self, layers: Sequence[str]) -> int:
        """Give the smallest side in pixels that these layers can be computed from."""
        return 18 if "coarse" in layers else 9

    def forward(self, frames: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Take frames (B, 3, H, W) in [0, 1]; give (B, 16, h, w) for each layer asked for."""
        values = frames.mean(1, keepdim=True)
        found = {}
        for name in self.layers:
            answers = nn.functional.conv2d(values, self.kernels)
            if name in layers:
                found[name] = torch.cat([answers.relu(), (-answers).relu()], 1)
            values = nn.functional.avg_pool2d(values, 2)
        return found


def edges() -> Edges:
    """Make the model: this is what ``own_stream:edges`` names."""
    return Edges()


def main(folder: Path) -> None:
    """Check the model, then make a metamer with it."""
    # says in words what is wrong with a model that cannot serve
    stst.validate_stream(edges(), "spatial", "own_stream:edges")

    sys.path.insert(0, str(Path(__file__).parent))  # so that own_stream can be imported by name
    tree = stst.load_preset("quick").model_dump(mode="json", exclude_none=True)
    tree["spatial"] = {"model": "own_stream:edges"}
    tree["padding_frames"] = 1
    config = stst.build(tree, stst.StstConfig)

    clip = stst.read_video(CLIP, frames="0:2", max_side=64)
    (metamer,) = stst.synthesize(clip, config)
    stst.write_video(folder / "own_stream.mkv", metamer, overwrite=True)
    print(folder / "own_stream.mkv")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
