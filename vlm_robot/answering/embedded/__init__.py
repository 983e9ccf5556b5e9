"""The embedded VLM: what the compact detector sees, put before a small language model."""
