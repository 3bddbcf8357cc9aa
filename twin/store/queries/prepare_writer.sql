SELECT
    set_config('jit', 'off', false),
    -- A database that hangs is away, too: the spool takes over.
    set_config('statement_timeout', %(timeout)s, false)
