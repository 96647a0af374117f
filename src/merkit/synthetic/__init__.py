"""The synthetic database: generated faces whose motion is known exactly.

``config`` what to make; ``plan`` what happens in each clip; ``photo`` and ``identity`` the faces;
``action_units`` how each moves and shades skin; ``motion`` the time courses and nuisances;
``render`` the frames; ``write`` the files. Pixels are made here and read nowhere in this package.
"""
