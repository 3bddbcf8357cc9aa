"""From the city to pydeck layers, pure: no web server, no database."""
