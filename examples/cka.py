"""How alike are a clip and its scrambled versions to the layers of a model?

Here the model is the built-in spatial stream, which needs no weights. For torchvision's models, see
``stst-analyze cka``.

python examples/cka.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import stst
from stst.analysis.cka import as_examples, linear_cka
from stst.analysis.tables import table, write_table
from stst.config import StreamConfig
from stst.models import load_stream
from stst.pixels import as_tensor

CLIP = Path(__file__).parents[1] / "sample_data" / "cat.mkv"


def main(folder: Path) -> None:
    """Compare frame by frame, with channels and with positions as CKA's examples."""
    clip = stst.read_video(CLIP, frames="0:3", max_side=96)
    model = load_stream("spatial", StreamConfig(model="filterbank")).stream

    rows = []
    for coherence in (0.0, 0.5, 0.75, 1.0):
        (scrambled,) = stst.scramble(clip, stst.StpsConfig(coherence=coherence))
        for frame, (here, there) in enumerate(zip(clip.frames, scrambled.frames, strict=True)):
            natural = model(as_tensor(here, "cpu"), model.layers)
            other = model(as_tensor(there, "cpu"), model.layers)
            for layer in model.layers:
                for examples in ("channels", "positions"):
                    value = linear_cka(
                        as_examples(natural[layer][0], examples),
                        as_examples(other[layer][0], examples),
                    )
                    rows.append(
                        {
                            "clip": f"coherence {coherence:g}",
                            "reference": "natural",
                            "frame": frame,
                            "model": "filterbank",
                            "layer": layer,
                            "measure": f"cka, {examples} as examples",
                            "value": value,
                        }
                    )
    data = table(rows)
    write_table(data, folder / "cka.csv", overwrite=True)
    means = data.groupby(["measure", "layer", "clip"])["value"].mean()
    print(means.unstack().round(2).to_string())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
