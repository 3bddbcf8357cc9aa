-- Deletes working states of analyses that were superseded and not kept anew since a time; the same
-- rule as twin.model.state_keeping, see ADR 0060. They hold no person and need no proof. What stays:
-- of every trained model the newest two versions, the last one of each month (UTC), and the one that
-- was in force when a finding of the asset was opened, stated or moved; of groups of channels those
-- of which no channel is in a group that was kept later; copies beside a version, <model>@<version>.
CREATE FUNCTION twin_expire_states(t_before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  gone bigint;
  more bigint;
BEGIN
  PERFORM public.twin_check_age(t_before);
  WITH spoken AS (
    SELECT asset_id, opened_at AS at FROM public.bridge_finding
    UNION SELECT asset_id, stated_at FROM public.bridge_finding
    UNION SELECT f.asset_id, s.at
    FROM public.bridge_finding_step AS s JOIN public.bridge_finding AS f ON f.id = s.finding_id
  ), versions AS (
    SELECT
      asset_id, name || '.' || version AS prefix, trained_at,
      lead(trained_at) OVER (PARTITION BY asset_id, name ORDER BY version) AS replaced_at,
      row_number() OVER (PARTITION BY asset_id, name ORDER BY version DESC) AS age,
      row_number() OVER (
        PARTITION BY asset_id, name, date_trunc('month', trained_at AT TIME ZONE 'UTC')
        ORDER BY version DESC
      ) AS age_in_month
    FROM public.bridge_model
  ), spare AS (
    SELECT asset_id, prefix FROM versions AS v
    WHERE age > 2 AND age_in_month > 1 AND NOT EXISTS (
      SELECT FROM spoken AS s
      WHERE s.asset_id = v.asset_id AND s.at BETWEEN v.trained_at AND v.replaced_at
    )
  )
  DELETE FROM public.bridge_state AS b
  USING spare AS v
  WHERE b.kept_at < t_before AND b.asset_id = v.asset_id
    AND (b.name = v.prefix OR starts_with(b.name, v.prefix || '.'));
  GET DIAGNOSTICS gone = ROW_COUNT;
  DELETE FROM public.bridge_state AS b
  WHERE b.kept_at < t_before AND starts_with(b.name, 'modes.') AND EXISTS (
    SELECT FROM public.bridge_state AS later
    WHERE later.asset_id = b.asset_id AND starts_with(later.name, 'modes.')
      AND later.kept_at > b.kept_at
      AND string_to_array(substr(later.name, 7), '+') && string_to_array(substr(b.name, 7), '+')
  );
  GET DIAGNOSTICS more = ROW_COUNT;
  RETURN gone + more;
END
$$;
REVOKE ALL ON FUNCTION twin_expire_states FROM PUBLIC;
