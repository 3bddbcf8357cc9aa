"""One pure, total function per payload format: observations, or a rejection with a reason."""
