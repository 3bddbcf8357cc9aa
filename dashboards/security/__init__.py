"""Who may reach the web server, and what browsers may do with its answers."""
