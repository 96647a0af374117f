"""Reviewing what was found in videos: edits of coders, their journals, a project of plain files.

Nothing here needs torch.
"""
