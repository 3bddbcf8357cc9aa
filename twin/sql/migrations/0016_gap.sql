-- What never reached us, between which times, and what was done about it.
CREATE TABLE gap (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ds integer,                                 -- NULL: a device or a whole source
  source text NOT NULL,
  key text NOT NULL,                          -- device or route key; empty: the whole source
  cause text NOT NULL CHECK (cause IN ('sequence', 'cadence', 'session_lost', 'broker_dropped')),
  t_from timestamptz NOT NULL,
  t_to timestamptz CHECK (t_to >= t_from),    -- NULL while it lasts
  missing bigint,
  estimated boolean NOT NULL,
  state smallint NOT NULL DEFAULT 0,          -- 0 open, 1 filled, 2 lost
  attempts smallint NOT NULL DEFAULT 0,
  noted_at timestamptz NOT NULL,              -- when its end became known, or it was noted
  UNIQUE (source, key, cause, t_from)
);
CREATE INDEX gap_newest ON gap (t_from DESC, id DESC);
CREATE INDEX gap_unfilled ON gap (noted_at) WHERE state = 0;
