"""Recipes: which frames of a clip are read, and what arrays are made of them.

A recipe holds its own settings only, so its key changes with what it reads and nothing else.
Training, prediction and figures make samples by the same calls: ``choose``, ``follow``, ``make``.
"""

from merkit.samples.recipes.base import (
    FILE_SETTINGS,
    RECIPE_VERSION,
    Arrays,
    Recipe,
    first_landmarks,
)
from merkit.samples.recipes.flow_maps import FlowMapRecipe, load_flow_map
from merkit.samples.recipes.frames import clip_frame_numbers
from merkit.samples.recipes.sequences import RegionFlowRecipe, RgbRecipe, SequenceRecipe

__all__ = [
    "FILE_SETTINGS",
    "RECIPE_VERSION",
    "Arrays",
    "FlowMapRecipe",
    "Recipe",
    "RegionFlowRecipe",
    "RgbRecipe",
    "SequenceRecipe",
    "clip_frame_numbers",
    "first_landmarks",
    "load_flow_map",
]
