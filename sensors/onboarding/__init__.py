"""What a person does once so that a source is understood: its tables, its datastreams."""
