DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['twin_owner', 'twin_keep', 'twin_ingest', 'twin_work', 'twin_serve'] LOOP
    IF to_regrole(wanted) IS NULL THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
      EXCEPTION
        -- Another database of this server makes them at the same moment, or we may not.
        WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
      END;
    END IF;
  END LOOP;
END
$$
