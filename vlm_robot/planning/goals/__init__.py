"""A goal in words turned into weighted wishes, limits with numbers, and landmarks."""
