"""A trained model as others get it: whole, with its card, and with nothing of this machine."""
