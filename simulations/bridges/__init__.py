"""Scheduled analyses of bridges: read streams, call the pure rooms, keep what they found."""
