-- A round of notes of all readers of bin/bench, number {note} of 20. In rounds, so that the notes of one user are not adjacent
-- on disk, as in a real database.
INSERT INTO notes (tenant_id, user_id, title, content, created_at, updated_at)
SELECT t, p, CASE WHEN {note} % 3 > 0 THEN 'Meeting {note} of person ' || p END, pg_temp.text_of(p, {note}), written, written
FROM generate_series({first}::bigint, {last}) t, generate_series(0, {users} - 1) u, LATERAL (SELECT t * 1000 + u AS p) i,
    LATERAL (SELECT now() - (21 - {note}) * interval '1 day' - p % 10 * interval '1 minute' AS written) w
