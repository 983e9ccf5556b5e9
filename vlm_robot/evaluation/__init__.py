"""Offline measurements of the models and of recorded runs."""
