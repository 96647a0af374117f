"""The frame encoder: DINOv2 with low-rank adapters, or a small one trained from scratch."""
