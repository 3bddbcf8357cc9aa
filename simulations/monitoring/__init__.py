"""Monitoring of bridges: modes, temperature compensation, charts, weigh-in-motion. Pure."""
