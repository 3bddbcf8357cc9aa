-- The proof of deletion is written by the database itself, in the functions that delete: the role of
-- the job can neither delete without an entry nor write an entry without a deletion. The functions of
-- 0012 and 0014 stay as their inner parts and are called by nobody else.

-- Indexes decide about these, not the planner settings of the upkeep's connection: without bitmaps
-- the index on the time of "arrival" is of no use.
ALTER FUNCTION twin_delete_rows(text, text [], timestamptz, timestamptz, integer)
SET enable_bitmapscan = on;
ALTER FUNCTION twin_count_rows(text, text [], timestamptz, timestamptz)
SET enable_bitmapscan = on SET enable_hashjoin = on SET enable_seqscan = on;
ALTER FUNCTION twin_drop_room(text, timestamptz, timestamptz)
SET enable_bitmapscan = on SET enable_hashjoin = on SET enable_seqscan = on;

-- Refuses to delete what is younger than a day; an hour is left for a clock that is ahead.
CREATE FUNCTION twin_check_age(t_before timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF t_before IS NULL OR t_before > now() - interval '23 hours' THEN
    RAISE EXCEPTION 'nothing younger than a day is deleted; rows before % are wanted', t_before
    USING ERRCODE = 'insufficient_privilege';
  END IF;
END
$$;
REVOKE ALL ON FUNCTION twin_check_age FROM PUBLIC;

-- Appends an entry; the hash is that of twin.model.upkeep.Deletion (a test compares them).
CREATE FUNCTION twin_prove(
  series text, privacy_class text, t_from timestamptz, t_to timestamptz, row_count bigint,
  rule text, made_by text
) RETURNS deletion
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  written text := 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';
  last_number bigint := 0;
  last_hash bytea := decode(repeat('00', 32), 'hex');
  body text;
  entry public.deletion;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('twin_prove', 0));
  SELECT coalesce(max(d.number), 0) INTO last_number FROM public.deletion AS d;
  IF last_number > 0 THEN
    SELECT d.hash INTO STRICT last_hash FROM public.deletion AS d WHERE d.number = last_number;
  END IF;
  body := format(
    '{"at":%s,"by":%s,"class":%s,"from":%s,"n":%s,"rows":%s,"rule":%s,"series":%s,"to":%s}',
    to_json(to_char(now() AT TIME ZONE 'UTC', written)), to_json(made_by), to_json(privacy_class),
    to_json(to_char(t_from AT TIME ZONE 'UTC', written)), last_number + 1, row_count,
    to_json(rule), to_json(series), to_json(to_char(t_to AT TIME ZONE 'UTC', written))
  );
  INSERT INTO public.deletion VALUES (
    last_number + 1, now(), series, privacy_class, t_from, t_to, row_count, rule, made_by,
    sha256(last_hash || convert_to(body, 'UTF8'))
  ) RETURNING * INTO entry;
  RETURN entry;
END
$$;
REVOKE ALL ON FUNCTION twin_prove FROM PUBLIC;

-- Deletes rows in [t_first, t_before) of these privacy classes, about so many at most.
CREATE FUNCTION twin_expire_rows(
  series text, classes text [], t_first timestamptz, t_before timestamptz, most integer,
  rule text, made_by text
) RETURNS SETOF deletion
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  gone record;
BEGIN
  PERFORM public.twin_check_age(t_before);
  FOR gone IN
    SELECT * FROM public.twin_delete_rows(series, classes, t_first, t_before, most)
  LOOP
    RETURN QUERY SELECT * FROM public.twin_prove(
      series, gone.privacy_class, gone.t_from, gone.t_to, gone.row_count, rule, made_by
    );
  END LOOP;
END
$$;
REVOKE ALL ON FUNCTION twin_expire_rows FROM PUBLIC;

-- Drops the partition or chunk with exactly this span.
CREATE FUNCTION twin_expire_room(
  series text, room_from timestamptz, room_to timestamptz, rule text, made_by text
) RETURNS SETOF deletion
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  gone record;
BEGIN
  PERFORM public.twin_check_age(room_to);
  FOR gone IN SELECT * FROM public.twin_drop_room(series, room_from, room_to) LOOP
    RETURN QUERY SELECT * FROM public.twin_prove(
      series, gone.privacy_class, gone.t_from, gone.t_to, gone.row_count, rule, made_by
    );
  END LOOP;
END
$$;
REVOKE ALL ON FUNCTION twin_expire_room FROM PUBLIC;

-- Deletes quarantined entries seen last before a time; of all classes (null), or of datastreams of
-- some classes.
CREATE FUNCTION twin_expire_quarantine(
  seen_before timestamptz, classes text [], rule text, made_by text
) RETURNS SETOF deletion
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  found record;
BEGIN
  PERFORM public.twin_check_age(seen_before);
  FOR found IN
    WITH gone AS (
      DELETE FROM public.quarantine AS q
      WHERE q.last_seen < seen_before AND (
        classes IS NULL OR q.ds IN (
          SELECT d.number FROM public.datastream AS d WHERE d.privacy_class = ANY (classes)
        )
      )
      RETURNING q.ds, q.last_seen
    )
    SELECT coalesce(d.privacy_class, '') AS class, count(*) AS n, min(g.last_seen) AS t_from,
      max(g.last_seen) AS t_to
    FROM gone AS g LEFT JOIN public.datastream AS d ON d.number = g.ds GROUP BY 1
  LOOP
    RETURN QUERY SELECT * FROM public.twin_prove(
      'quarantine', found.class, found.t_from, found.t_to, found.n, rule, made_by
    );
  END LOOP;
END
$$;
REVOKE ALL ON FUNCTION twin_expire_quarantine FROM PUBLIC;

-- Bounds the quarantine, the oldest first: entries with a payload hold so many bytes at most, then
-- they lose it; entries without one hold as many again, then they go. An entry counts with its
-- texts and 200 bytes for the row and its indexes.
CREATE FUNCTION twin_bound_quarantine(
  most bigint, rule text, made_by text
) RETURNS SETOF deletion
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  found record;
BEGIN
  IF most IS NULL OR most < 1 THEN
    RAISE EXCEPTION 'a bound of % bytes is none', most USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR found IN
    WITH old AS (
      SELECT sized.id FROM (
        SELECT q.id, sum(
          200 + length(q.topic) + octet_length(q.detail) + length(q.head) + length(q.payload)
        ) OVER (ORDER BY q.last_seen DESC, q.id DESC) AS bytes
        FROM public.quarantine AS q WHERE q.payload IS NOT NULL
      ) AS sized
      WHERE sized.bytes > most
    ), gone AS (
      UPDATE public.quarantine AS q SET payload = NULL FROM old WHERE q.id = old.id
      RETURNING q.ds, q.last_seen
    )
    SELECT coalesce(d.privacy_class, '') AS class, count(*) AS n, min(g.last_seen) AS t_from,
      max(g.last_seen) AS t_to
    FROM gone AS g LEFT JOIN public.datastream AS d ON d.number = g.ds GROUP BY 1
  LOOP
    RETURN QUERY SELECT * FROM public.twin_prove(
      'quarantine.payload', found.class, found.t_from, found.t_to, found.n, rule, made_by
    );
  END LOOP;
  FOR found IN
    WITH old AS (
      SELECT sized.id FROM (
        SELECT q.id, sum(
          200 + length(q.topic) + octet_length(q.detail) + length(q.head)
        ) OVER (ORDER BY q.last_seen DESC, q.id DESC) AS bytes
        FROM public.quarantine AS q WHERE q.payload IS NULL
      ) AS sized
      WHERE sized.bytes > most
    ), gone AS (
      DELETE FROM public.quarantine AS q USING old WHERE q.id = old.id
      RETURNING q.ds, q.last_seen
    )
    SELECT coalesce(d.privacy_class, '') AS class, count(*) AS n, min(g.last_seen) AS t_from,
      max(g.last_seen) AS t_to
    FROM gone AS g LEFT JOIN public.datastream AS d ON d.number = g.ds GROUP BY 1
  LOOP
    RETURN QUERY SELECT * FROM public.twin_prove(
      'quarantine', found.class, found.t_from, found.t_to, found.n, rule, made_by
    );
  END LOOP;
END
$$;
ALTER FUNCTION twin_bound_quarantine(bigint, text, text)
SET enable_hashjoin = on SET enable_seqscan = on;
REVOKE ALL ON FUNCTION twin_bound_quarantine FROM PUBLIC;
