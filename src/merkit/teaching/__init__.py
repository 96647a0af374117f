"""Making the recognisers that come with merkit, from simulated faces alone: docs/teaching.md."""
