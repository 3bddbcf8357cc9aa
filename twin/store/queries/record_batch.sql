-- One statement outside a transaction block: the server ends it with a COMMIT of its own. Its
-- parameters have numbers because it is handed to libpq directly: see twin/store/postgres/at_once.
SELECT twin_record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
