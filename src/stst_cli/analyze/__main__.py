"""``python -m stst_cli.analyze``."""

from stst_cli.analyze import main

main(prog_name="stst-analyze")
