"""The conventional way and merkit's on the same data, measured in one run."""
