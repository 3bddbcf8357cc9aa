INSERT INTO ingest_balance AS b (
  day, source, incarnation, received, stored, duplicate, quarantined, ignored, missing, unassigned
) VALUES (
  coalesce(%(day)s::date, (now() AT TIME ZONE 'UTC')::date), %(source)s, %(incarnation)s,
  %(received)s, %(stored)s, %(duplicate)s, %(quarantined)s, 0, 0, 0
)
ON CONFLICT (day, source, incarnation) DO UPDATE SET
  received = b.received + excluded.received, stored = b.stored + excluded.stored,
  duplicate = b.duplicate + excluded.duplicate, quarantined = b.quarantined + excluded.quarantined
