"""The decision paper of a measures run as tagged PDF and as one HTML file."""
