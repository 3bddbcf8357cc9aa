INSERT INTO quarantine (
  fingerprint, first_seen, last_seen, seen, source, topic, reason, detail, codec,
  payload_sha256, size, head, payload, ds, t, v, v_stored
) VALUES (
  %(fingerprint)s, %(seen_at)s, %(seen_at)s, %(seen)s, %(source)s, %(topic)s, %(reason)s,
  %(detail)s, %(codec)s, %(payload_sha256)s, %(size_bytes)s, %(head)s, %(payload)s, %(number)s,
  %(time)s, %(value)s, %(stored_value)s
)
ON CONFLICT (fingerprint) DO UPDATE SET
  seen = quarantine.seen + excluded.seen,
  last_seen = greatest(quarantine.last_seen, excluded.last_seen)
