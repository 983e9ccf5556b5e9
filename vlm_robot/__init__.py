"""Ask a robot's cameras in plain language: what is where, is it so, which way."""

__version__ = "0.1.0"
