"""The synthetic database: generated faces whose motion is known exactly.

``config`` what to make; ``plan`` what happens in each clip; ``identity`` the faces;
``fields`` and ``folds`` how action units move and shade skin; ``motion`` the time courses and
nuisances; ``render`` the frames; ``media`` and ``write`` the files. Pixels are made here and
read nowhere in this package.
"""
