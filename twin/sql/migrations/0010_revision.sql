-- Values that a later one of the same time has replaced: revision 1 is the first value.
CREATE TABLE reading_revision (
  ds integer NOT NULL,
  t timestamptz NOT NULL,
  revision smallint NOT NULL,
  v double precision NOT NULL,
  q smallint NOT NULL,
  replaced_at timestamptz NOT NULL,
  PRIMARY KEY (ds, t, revision)
);

-- A conflict holds both values: v came, v_stored was there.
ALTER TABLE quarantine ADD COLUMN v_stored double precision;

-- Replaces the values of these keys, in this order, and keeps what was there. Per row: whether it
-- was replaced; a repeat of the present or of any earlier value changes nothing, because a
-- redelivered original must not undo its correction. The ingester may not update readings itself.
CREATE FUNCTION twin_correct(
  numbers integer [], times timestamptz [], new_values double precision [], masks smallint []
) RETURNS boolean []
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  is_replaced boolean[] := '{}';
  was record;
BEGIN
  -- One at a time: revisions are numbered without a hole, and corrections never deadlock.
  PERFORM pg_advisory_xact_lock(hashtextextended('twin_correct', 0));
  FOR i IN 1 .. coalesce(array_length(numbers, 1), 0) LOOP
    SELECT r.v, r.q INTO was FROM public.reading AS r WHERE r.ds = numbers[i] AND r.t = times[i];
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the reading to correct is gone' USING ERRCODE = 'serialization_failure';
    END IF;
    IF was.v = new_values[i] OR EXISTS (
      SELECT FROM public.reading_revision AS e
      WHERE e.ds = numbers[i] AND e.t = times[i] AND e.v = new_values[i]
    ) THEN
      is_replaced := is_replaced || false;
      CONTINUE;
    END IF;
    INSERT INTO public.reading_revision (ds, t, revision, v, q, replaced_at)
    SELECT numbers[i], times[i], coalesce(max(e.revision), 0) + 1, was.v, was.q, now()
    FROM public.reading_revision AS e WHERE e.ds = numbers[i] AND e.t = times[i];
    UPDATE public.reading SET v = new_values[i], q = masks[i]
    WHERE ds = numbers[i] AND t = times[i];
    is_replaced := is_replaced || true;
  END LOOP;
  RETURN is_replaced;
END
$$;
REVOKE ALL ON FUNCTION twin_correct FROM PUBLIC;
