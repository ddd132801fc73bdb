"""What stimuli have in common with the clips they were made of: measures, tables, reports.

Nothing that measures pixels alone needs torch; what shows clips to models does.
"""
