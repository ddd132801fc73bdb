"""A page that shows clips, their low-level features and how they were made.

A report is a folder: ``index.html``, which needs no other file, and its figures and tables. Same
clips and versions, same bytes. Nothing but `stst.report.models` needs torch.
"""

from stst.report.clips import Clip, open_clips
from stst.report.content import frames_to_read
from stst.report.formatting import report_command
from stst.report.parts import LeftOut, Part
from stst.report.write import check_report_output, write_report

__all__ = [
    "Clip",
    "LeftOut",
    "Part",
    "check_report_output",
    "frames_to_read",
    "open_clips",
    "report_command",
    "write_report",
]
