"""Use an installed napari-stst as a new user would: outside any checkout, without weights.

    python .ci/try_wheel.py BIN [--viewer]

BIN is the folder of programs of the environment that it was installed into.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

VIEWER = """
from npe2 import PluginManifest
manifest = PluginManifest.from_distribution("napari-stst")
manifest.validate_imports()
print(len(manifest.contributions.widgets), "widgets,", len(manifest.contributions.sample_data), "sample clips")
"""  # noqa: E501


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bin", type=Path)
    parser.add_argument("--viewer", action="store_true", help="with the extra napari")
    asked = parser.parse_args()
    programs = asked.bin.absolute()
    with tempfile.TemporaryDirectory() as folder:

        def run(program: str, *words: str) -> str:
            line = [str(programs / program), *words]
            print("$", program, *words, flush=True)
            return subprocess.run(
                line, cwd=folder, check=True, text=True, stdout=subprocess.PIPE
            ).stdout

        package = run("python", "-I", "-c", "import stst; print(stst.__file__)").strip()
        assert Path(package).is_relative_to(programs.parent), f"{package} is not the installed one"
        print(run("stst", "samples", "sample_data"))
        clip = "sample_data/cat.mkv"
        print(run("stst", "--version"), run("stst", "presets"))
        small = ("--frames", "0:2", "--max-side", "48")
        few = ("--preset", "quick", "--set", "padding_frames=0")
        run("stst", "synthesize", clip, "-o", "metamer.mkv", *few, *small)
        run("stst", "scramble", clip, "-o", "scrambled.mkv", *small)
        run("stst-analyze", "report", clip, "metamer.mkv", "scrambled.mkv", "-o", "report")
        again = json.loads(run("stst", "remake", "metamer.json", "-o", "again.mkv", "--json"))
        print(json.dumps(again, indent=1))
        made = {path.name for path in Path(folder).iterdir()}
        assert {"metamer.mkv", "scrambled.mkv", "again.mkv", "report"} <= made, made
        same = [(Path(folder) / name).read_bytes() for name in ("metamer.mkv", "again.mkv")]
        assert same[0] == same[1], "remade to other bytes"
        if asked.viewer:
            print(run("python", "-I", "-c", VIEWER))
    print("The installed package works.")


if __name__ == "__main__":
    main()
