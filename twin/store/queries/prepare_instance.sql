-- A process that vanished without a word loses its names within half a minute, not two hours.
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 3;
