GRANT SELECT ON meta, reference, asset, asset_attribute, component, sensor, datastream TO twin_work;
GRANT SELECT ON reading, reading_revision, waveform, latest, quarantine, ingest_balance, job_status TO twin_work;
GRANT SELECT, INSERT, UPDATE ON run TO twin_work;
GRANT SELECT, INSERT ON run_result, run_part, traffic_base, traffic_base_part TO twin_work;
GRANT INSERT, UPDATE ON job_status TO twin_work;
GRANT SELECT ON rollup_10s, rollup_1m, rollup_1h, rollup_1d TO twin_work;
GRANT SELECT ON dirty, pending, rollup_stream TO twin_work;
GRANT SELECT ON gap TO twin_work;
