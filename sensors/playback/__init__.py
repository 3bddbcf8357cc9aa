"""Recorded values published again as if their sensors spoke now."""
