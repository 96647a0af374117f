"""Figures of what a model looked at. Settings and names are in :mod:`merkit.explain.config`;
:mod:`merkit.explain.make` draws. Needs captum for some of them: ``pip install merkit[explain]``."""
