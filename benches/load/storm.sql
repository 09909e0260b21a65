-- For bin/bench --storm: 500 notes of 256 KiB of one user of the tenant that storms. Run after seed.sql, each paragraph as a
-- statement.
SET client_min_messages = error;

-- Ten texts of 3,000 different words. Not random(), so that every run has the same texts.
CREATE TEMPORARY TABLE texts AS
SELECT t, left(string_agg('word' || abs(hashint8(t * 1000000 + i)) % 3000, CASE WHEN i % 12 = 0 THEN E'.\n\n' ELSE ' ' END ORDER BY i), 262144) AS content
FROM generate_series(1, 10) t, generate_series(1, 40000) i GROUP BY t;

INSERT INTO notes (tenant_id, user_id, title, content, created_at, updated_at)
SELECT 1001, 1001000, 'Large note ' || n, content, now() - n * interval '1 minute', now() - n * interval '1 minute'
FROM generate_series(1, 500) n JOIN texts ON t = 1 + n % 10 ORDER BY n;

VACUUM (ANALYZE) notes;

CHECKPOINT;
