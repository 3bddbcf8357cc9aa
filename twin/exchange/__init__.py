"""Standards and files in and out, as pure mappings to the model."""
