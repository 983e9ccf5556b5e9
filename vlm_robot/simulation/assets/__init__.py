"""Meshes and drawings: where they come from, and how they are made loadable."""
