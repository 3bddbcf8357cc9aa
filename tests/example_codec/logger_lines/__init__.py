"""Text lines of a data logger, for the twin."""
