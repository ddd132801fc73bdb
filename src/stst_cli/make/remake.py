"""``stst remake``: the same file again, from its sidecar."""

from __future__ import annotations

from pathlib import Path

import click

from stst_cli.shared.options import PATH, overwrite_option, pairs


@click.command(no_args_is_help=True)
@click.argument("sidecar", type=PATH)
@click.option("-o", "--output", metavar="NEW", help="Another name.  [default: the recorded one]")
@click.option(
    "--input", "inputs", multiple=True, metavar="ROLE=PATH",
    help="Where an input lies now, e.g. natural=clip.mp4. Repeatable.",
)  # fmt: skip
@click.option("--device", metavar="auto|cpu|cuda|mps", help="Another device than recorded.")
@click.option("--trust-model", "trusted", multiple=True, metavar="PACKAGE.MODULE:FACTORY",
              help="Allow the sidecar to name this model. Repeatable.")  # fmt: skip
@overwrite_option
@click.option("--resume", is_flag=True, help="Continue an unfinished remake.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def remake(
    sidecar: Path,
    output: str | None,
    inputs: tuple[str, ...],
    device: str | None,
    trusted: tuple[str, ...],
    overwrite: bool,
    resume: bool,
    as_json: bool,
) -> None:
    """Make the stimulus that SIDECAR describes again and compare it with the record.

    Same device, threads, precision and batch as recorded. Exits with 1 where the frames differ,
    and says what has changed.
    """
    from stst.errors import StstError
    from stst.runs.remake import differences, job_of_sidecar
    from stst.runs.sidecar import read_sidecar
    from stst.utils.files import resolve_path
    from stst_cli.shared.job import run_job

    before = read_sidecar(sidecar)
    job = job_of_sidecar(
        sidecar,
        output=output,
        inputs={role: resolve_path(path) for role, path in pairs(inputs, "--input").items()},
        trusted=trusted,
        device=device,
        overwrite=overwrite,
        resume=resume,
    )
    result = run_job(job, as_json)
    found = differences(before, read_sidecar(Path(result["outputs"][0]["sidecar"])))
    if found:
        raise StstError(f"{result['outputs'][0]['master']}: " + "; ".join(found) + ".")
    click.echo("The frames are identical to the recorded ones.", err=True)
