"""Models: what they are called, where they load from, what they run on."""
