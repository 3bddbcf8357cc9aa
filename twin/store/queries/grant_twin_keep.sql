GRANT SELECT ON meta TO twin_keep;
GRANT SELECT, INSERT, UPDATE ON job_status TO twin_keep;
GRANT SELECT, INSERT, UPDATE ON alarm TO twin_keep;
