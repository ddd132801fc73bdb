"""How alike are a clip and its scrambled versions to the layers of a model?

Here the model is the built-in spatial stream, which needs no weights. A value says nothing without
those of clips that have nothing to do with each other, so two other clips stand beside those that
were scrambled. For torchvision's models, and bands of many unrelated clips, see
``stst-analyze cka``.

python examples/cka.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import stst
from stst.analysis.cka.similarity import as_examples, linear_cka
from stst.analysis.tables import table, write_table
from stst.config import StreamConfig
from stst.engine.pixels import as_tensor
from stst.models import load_stream

SAMPLES = Path(__file__).parents[1] / "sample_data"


def main(folder: Path) -> None:
    """Compare frame by frame, with channels and with positions as CKA's examples."""
    clip, *others = (
        stst.read_video(SAMPLES / f"{name}.mkv", frames="0:3", max_side=96)
        for name in ("cat", "astronaut", "coffee")
    )
    model = load_stream("spatial", StreamConfig(model="filterbank")).stream

    compared = dict(zip(("unrelated: astronaut", "unrelated: coffee"), others, strict=True))
    for coherence in (0.0, 0.5, 0.75, 1.0):
        (compared[f"coherence {coherence:g}"],) = stst.scramble(
            clip, stst.StpsConfig(coherence=coherence)
        )
    rows = []
    for name, one in compared.items():
        for frame, (here, there) in enumerate(zip(clip.frames, one.frames, strict=True)):
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
                            "clip": name,
                            "reference": "natural",
                            "frame": frame,
                            "model": "filterbank",
                            "layer": layer,
                            "measure": f"cka_unbiased.{examples}",
                            "value": value,
                        }
                    )
    data = table(rows)
    write_table(data, folder / "cka.csv", overwrite=True)
    means = data.groupby(["measure", "layer", "clip"])["value"].mean()
    print(means.unstack().round(2).to_string())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
