"""Pictures and depth out of the bytes of messages."""
