"""HTTP interfaces for the pages and for other programs."""
