GRANT SELECT ON meta, reference, asset, asset_attribute, component, sensor, datastream TO twin_serve;
GRANT SELECT ON reading, reading_revision, waveform, latest, quarantine, ingest_balance, run_result TO twin_serve;
GRANT SELECT ON run_part, traffic_base, traffic_base_part TO twin_serve;
GRANT SELECT, INSERT, UPDATE ON run, job_status TO twin_serve;
GRANT SELECT ON alarm TO twin_serve;
GRANT SELECT ON rollup_10s, rollup_1m, rollup_1h, rollup_1d, deletion TO twin_serve;
GRANT SELECT ON dirty, pending, rollup_stream TO twin_serve;
GRANT SELECT ON gap TO twin_serve;
