"""Training data from a face model: what optical flow shows of actions whose labels are known.

``face_model`` a parametric face from a file; ``tables`` which shapes make an action unit, which
units an emotion; ``dials`` everything that is varied; ``actions`` what is drawn, and its labels;
``view`` one person from one side, as a linear basis of motion; ``movement`` the flow of what was
drawn; ``picture`` and ``moving`` textured pictures before and after it; ``flow_maps`` onset-apex
maps of them; ``make`` many, in processes. Nothing here needs torch.
"""
