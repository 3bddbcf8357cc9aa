"""What happened: from MQTT messages to observations in the twin."""
