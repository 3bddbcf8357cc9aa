"""Figures as SVG with the table behind each: values in, drawing out. Pure."""
