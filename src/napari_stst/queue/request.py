"""What is to be made: asked for in a form, or as an unfinished run has it stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stst.config import METHODS, RunConfig, build, paths_beside
from stst.config.methods import BUILT_IN
from stst.errors import InputError
from stst.runs.fingerprint import check_continuable
from stst.runs.folder import RunFolder
from stst.runs.outputs import MASTERS, outputs_for
from stst.runs.record import RunRecord

#: What the clip is called that a command is given.
MAIN_ROLES = ("natural", "stimulus")


@dataclass(frozen=True)
class MakeRequest:
    """What is to be made.

    Attributes
    ----------
    natural, output
        The clip, None where there is none to start from, and the name of the master.
    config
        Of the method; its tree where another package brings the method and the config comes from
        a file: to build it is to run that package's code, see `built`.
    overwrite, resume
        As on the command line.
    """

    natural: Path | None
    output: str
    config: RunConfig | Mapping[str, Any]
    overwrite: bool = False
    resume: bool = False

    @property
    def folder(self) -> Path:
        """Where the run lives until it is whole."""
        return run_folder(self.output)

    @property
    def tree(self) -> dict[str, Any]:
        """The config as a file has it."""
        if isinstance(self.config, RunConfig):
            return self.config.model_dump(mode="json", exclude_none=True)
        return dict(self.config)

    @property
    def method(self) -> str:
        """What makes it."""
        config = self.config
        return config.method if isinstance(config, RunConfig) else str(config["method"])

    def built(self) -> MakeRequest:
        """Give the request with its config built; the user trusts whatever it names.

        Raises
        ------
        InputError
            If the config cannot be.
        """
        if isinstance(self.config, RunConfig):
            return self
        return replace(self, config=build(self.config, METHODS[self.method].config))

    def can_resume(self) -> bool:
        """Say whether there is an unfinished run."""
        return RunFolder(self.folder).begun()

    def as_dict(self) -> dict[str, Any]:
        """Give what JSON can hold of it; whether it resumes is seen from its folder."""
        return {
            "natural": None if self.natural is None else str(self.natural),
            "output": self.output,
            "config": self.tree,
            "overwrite": self.overwrite,
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> MakeRequest:
        """Read what `as_dict` gave.

        Raises
        ------
        LookupError, TypeError, InputError
            If it is none of that.
        """
        natural, output, tree = entry["natural"], entry["output"], entry["config"]
        if not isinstance(output, str) or not isinstance(tree, dict):
            raise TypeError("it holds no request")
        if tree["method"] not in METHODS:
            raise LookupError(f"method {tree['method']!r}")
        path = None if natural is None else Path(natural)
        return cls(path, output, _build_own(tree), overwrite=bool(entry["overwrite"]))


def run_folder(output: str) -> Path:
    """Name the folder in which the run of an output lives until it is whole."""
    return outputs_for(output, (0,))[0].with_ending(".run")


def read_stored_request(folder: Path) -> MakeRequest:
    """Give the request that goes on with an unfinished run, as it was begun.

    Parameters
    ----------
    folder
        ``X.run``.

    Returns
    -------
    MakeRequest
        With the settings and the clips that the run has on record.

    Raises
    ------
    InputError
        If there is no run that can be continued here, or one of its clips is gone.
    """
    folder = folder.absolute()
    record = RunFolder(folder).record()
    check_continuable(folder, record)
    natural = main_clip_of_run(folder, record)
    tree = {**tree_of_run(folder, record), "method": record.method}
    name = record.output
    if Path(name).name != name:
        raise InputError(f"{folder}/job.json is damaged: output is {name!r}, not a name.")
    output = str(folder.parent / name)
    request = MakeRequest(
        natural,
        output if Path(name).suffix in MASTERS else f"{output}/",
        _build_own(tree, f"{folder}"),
        resume=True,
    )
    if request.folder != folder:
        raise InputError(
            f"{folder} is the run of {name} and was called {request.folder.name}. Give it that "
            "name back."
        )
    for role, path in _inputs(folder, record).items():
        if not path.exists():
            raise InputError(
                f"{folder.name} cannot go on: its {role} clip is not at {path} any more. Put it "
                "back there."
            )
    return request


def tree_of_run(folder: Path, record: RunRecord) -> dict[str, Any]:
    """Give the config's tree of a run; the clips that it names as seen from here.

    Raises
    ------
    InputError
        If it is a run of no method.
    """
    if record.method not in METHODS:
        raise InputError(
            f"{folder} is a run of {record.method!r}, which is none of {', '.join(METHODS)}."
        )
    # in a run folder paths are relative to the folder that it lies in, where the sidecar will be
    return paths_beside(record.config, folder)


def main_clip_of_run(folder: Path, record: RunRecord) -> Path | None:
    """Give the clip that a run starts from; None where there is none."""
    found = _inputs(folder, record)
    return next((found[role] for role in MAIN_ROLES if role in found), None)


def _build_own(tree: dict[str, Any], origin: str = "config") -> RunConfig | dict[str, Any]:
    """Build a config that comes from a file, unless that would run another package's code."""
    own = BUILT_IN.get(tree["method"])
    return tree if own is None else build(tree, own.config, origin)


def _inputs(folder: Path, record: RunRecord) -> dict[str, Path]:
    """Give the clips of a run by role."""
    if any(one.role is None or one.path is None for one in record.inputs):
        raise InputError(f"{folder}/job.json is damaged: an input names no role or path.")
    return {str(one.role): folder.parent / str(one.path) for one in record.inputs}
