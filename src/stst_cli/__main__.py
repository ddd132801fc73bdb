"""``python -m stst_cli`` is ``stst``."""

from stst_cli.main import main

main(prog_name="stst")
