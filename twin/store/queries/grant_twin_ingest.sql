GRANT SELECT ON meta, reference, asset, asset_attribute, component, sensor, datastream TO twin_ingest;
GRANT SELECT, INSERT ON reading, waveform, quarantine, arrival, dirty TO twin_ingest;
GRANT SELECT ON reading_revision TO twin_ingest;
GRANT EXECUTE ON FUNCTION twin_correct, twin_record TO twin_ingest;
GRANT UPDATE (seen, last_seen, state, settled, resolved_at) ON quarantine TO twin_ingest;
GRANT SELECT, INSERT, UPDATE ON latest, ingest_commit, ingest_balance, job_status TO twin_ingest;
GRANT USAGE ON SEQUENCE change_rev TO twin_ingest;
GRANT SELECT, INSERT, UPDATE ON alarm TO twin_ingest;
GRANT SELECT, INSERT, UPDATE ON gap TO twin_ingest;
