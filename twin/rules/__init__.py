"""Rules turn observations and limits into findings that carry their reasons."""
