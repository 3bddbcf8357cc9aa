-- Records a small batch whose readings are new, as one statement: see ADR 0013. The steps, their
-- order and their locks are those of the queries fence_batch, insert_readings, next_revision,
-- update_latest, insert_dirty, upsert_balance and notify_latest; each sees what was committed
-- before it. The rights are those of the caller.
--
-- Gives the revision; 0 if this batch was committed before; NULL if the registered datastreams are
-- not those of this registry revision. In both cases nothing is written. A key that is there
-- already, or a value that is refused, is an error and leaves nothing behind either.
CREATE FUNCTION twin_record(
  run uuid, batch bigint, registry bigint,
  times timestamptz [], new_values double precision [], numbers integer [], masks smallint [],
  newest integer [],                          -- places of the newest reading of each datastream
  dirty_numbers integer [], dirty_grains integer [],
  sources text [],
  counts bigint []                            -- of each source, in the order of the columns
) RETURNS bigint
LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  revision bigint;
  updated bigint;
BEGIN
  IF registry IS DISTINCT FROM (SELECT m.registry_revision FROM public.meta AS m) THEN
    RETURN NULL;
  END IF;
  INSERT INTO public.ingest_commit AS c (incarnation, seq, at) VALUES (run, batch, now())
  ON CONFLICT (incarnation) DO UPDATE SET seq = excluded.seq, at = excluded.at
  WHERE c.seq < excluded.seq;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  INSERT INTO public.reading (t, v, ds, q)
  SELECT n.t, n.v, n.ds, n.q FROM unnest(times, new_values, numbers, masks) AS n (t, v, ds, q);
  -- From here on one transaction at a time: revisions become visible in their order.
  PERFORM pg_advisory_xact_lock(hashtextextended('twin change_rev', 0));
  revision := nextval('public.change_rev');
  UPDATE public.latest AS l SET t = times[p], v = new_values[p], q = masks[p], rev = revision
  FROM unnest(newest) AS p
  WHERE l.ds = numbers[p] AND l.t < times[p];
  GET DIAGNOSTICS updated = ROW_COUNT;
  IF updated < cardinality(newest) THEN
    INSERT INTO public.latest (t, v, ds, q, rev)
    SELECT times[p], new_values[p], numbers[p], masks[p], revision FROM unnest(newest) AS p
    WHERE NOT EXISTS (SELECT FROM public.latest AS l WHERE l.ds = numbers[p]);
  END IF;
  INSERT INTO public.dirty (rev, ds, grain) VALUES (revision, dirty_numbers, dirty_grains);
  INSERT INTO public.ingest_balance AS b (
    day, source, incarnation, received, stored, duplicate, quarantined, declared_lost, ignored,
    missing, unassigned
  )
  SELECT
    (now() AT TIME ZONE 'UTC')::date, n.source, run, counts[n.at + 1], counts[n.at + 2],
    counts[n.at + 3], counts[n.at + 4], counts[n.at + 5], counts[n.at + 6], counts[n.at + 7],
    counts[n.at + 8]
  FROM (
    SELECT s.source, 8 * (s.place - 1) AS at
    FROM unnest(sources) WITH ORDINALITY AS s (source, place)
  ) AS n
  ON CONFLICT (day, source, incarnation) DO UPDATE SET
    received = b.received + excluded.received, stored = b.stored + excluded.stored,
    duplicate = b.duplicate + excluded.duplicate,
    quarantined = b.quarantined + excluded.quarantined,
    declared_lost = b.declared_lost + excluded.declared_lost,
    ignored = b.ignored + excluded.ignored, missing = b.missing + excluded.missing,
    unassigned = b.unassigned + excluded.unassigned;
  PERFORM pg_notify('twin_change', 'latest ' || revision);
  RETURN revision;
END
$$;
REVOKE ALL ON FUNCTION twin_record FROM PUBLIC;
