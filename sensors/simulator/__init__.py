"""Seeded synthetic sensors that publish real MQTT; their data are labelled as simulated."""
