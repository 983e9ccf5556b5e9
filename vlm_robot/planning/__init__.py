"""Which way: candidate paths scored against a goal in words, safely, with every term shown."""
