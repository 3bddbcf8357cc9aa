"""The ingester: its loop, its states, and what it tells of itself."""
