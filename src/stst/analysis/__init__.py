"""What stimuli have in common with the clips they were made of: measures, tables, reports.

Nothing here needs torch.
"""
