-- Up to when each table has lost rows of each privacy class.
SELECT series, privacy_class, max(t_to) AS t_to FROM deletion GROUP BY series, privacy_class
