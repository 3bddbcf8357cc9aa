-- Severity and cause of a finding beside its content, so that open ones are counted without reading
-- them. The content was written by json.dumps in the order of the fields: the first severity is that
-- of the finding, and its cause stands right before its reasons.
ALTER TABLE bridge_finding ADD COLUMN severity text
CHECK (severity IN ('note', 'warning', 'critical'));  -- NULL where an older version wrote it
ALTER TABLE bridge_finding ADD COLUMN cause text;     -- NULL while it is open which one it is
UPDATE bridge_finding SET
  severity = substring(content FROM '"severity": "([a-z_]+)"'),
  cause = substring(content FROM '"cause": "([a-z_]+)", "reasons": ');
