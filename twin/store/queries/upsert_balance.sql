INSERT INTO ingest_balance AS b (
  day, source, incarnation, received, stored, duplicate, quarantined, declared_lost, ignored,
  missing, unassigned
)
SELECT
  (now() AT TIME ZONE 'UTC')::date, n.source, %(incarnation)s, n.received, n.stored, n.duplicate,
  n.quarantined, n.declared_lost, n.ignored, n.missing, n.unassigned
FROM unnest(
  %(source)s::text [], %(received)s::bigint [], %(stored)s::bigint [], %(duplicate)s::bigint [],
  %(quarantined)s::bigint [], %(declared_lost)s::bigint [], %(ignored)s::bigint [],
  %(missing)s::bigint [], %(unassigned)s::bigint []
) AS n (
  source, received, stored, duplicate, quarantined, declared_lost, ignored, missing, unassigned
)
ON CONFLICT (day, source, incarnation) DO UPDATE SET
  received = b.received + excluded.received, stored = b.stored + excluded.stored,
  duplicate = b.duplicate + excluded.duplicate, quarantined = b.quarantined + excluded.quarantined,
  declared_lost = b.declared_lost + excluded.declared_lost,
  ignored = b.ignored + excluded.ignored, missing = b.missing + excluded.missing,
  unassigned = b.unassigned + excluded.unassigned
