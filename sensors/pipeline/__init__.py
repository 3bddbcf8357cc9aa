"""From messages to one batch. Pure."""
