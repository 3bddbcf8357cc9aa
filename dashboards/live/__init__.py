"""Live values on their way to the browser: wire format, quantisation, tables."""
