SET jit = off;
-- A database that hangs is away, too: the spool takes over.
SET statement_timeout = '10s'
