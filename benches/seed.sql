-- Data of bin/bench, the same in every run: 100 tenants, each with 5 users with 20 notes and a session, and a sixth user
-- who only writes. psql runs it as superuser in an empty, migrated database. Prints the tokens of the sessions, one a
-- line, those of the writers last.
--
-- Lengths of texts are realistic: most are a few sentences, a quarter has one or two thousand characters, one in twenty
-- about eight thousand; the mean is about 1 kB.
\set ON_ERROR_STOP on
-- Citus warns that temporary functions are not propagated to other nodes, as intended.
SET client_min_messages = error;

CREATE FUNCTION pg_temp.token(tenant bigint, person bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT 'ph_' || tenant || '_' ||
        left(translate(encode(sha256(convert_to('bench ' || tenant || ' ' || person, 'UTF8')), 'base64'), '+/', '-_'), 43)
$$;

-- A number from 0 to 999 by hashing. Not random(), so that every run has the same texts.
CREATE FUNCTION pg_temp.dice(person bigint, note bigint) RETURNS integer IMMUTABLE LANGUAGE sql AS $$
    SELECT abs(hashint8(person * 1000 + note)) % 1000
$$;

CREATE FUNCTION pg_temp.length_of(dice integer) RETURNS integer IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN dice < 700 THEN 80 + dice * 3 / 4 WHEN dice < 950 THEN 600 + (dice - 700) * 7 ELSE 7000 + (dice - 950) * 40 END
$$;

CREATE FUNCTION pg_temp.text_of(person bigint, note bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT left(
        '## Meeting ' || note || E'\n\nWe spoke with **Ms. Brăila** about the *second* delivery; see `order ' || person || E'`.\n\n'
        || E'- ask for the invoice\n- call back on Thursday\n- [the list](https://example.org/list)\n\n'
        || repeat(E'The boxes stand in the hall & nobody has counted them since Monday; "twelve", says the driver. '
                  || E'Größe und Gewicht stehen auf dem Schein.\n\n', 80),
        pg_temp.length_of(pg_temp.dice(person, note)))
$$;

INSERT INTO shared.tenants (id, name, name_key)
SELECT t, 'Bench ' || t, 'bench ' || t FROM generate_series(1001, 1100) t;

INSERT INTO shared.users (id, tenant_id, username, username_key, email, email_key, password, role)
SELECT t * 10 + u, t, 'person' || u, 'person' || u, mail, mail, 'nobody logs in', CASE u WHEN 0 THEN 'owner' ELSE 'member' END
FROM generate_series(1001, 1100) t, generate_series(0, 5) u, LATERAL (SELECT 'person' || u || '@bench' || t || '.example' AS mail) m;

INSERT INTO sessions (tenant_id, token_hash, user_id, kind, user_agent, expires_at)
SELECT t, sha256(convert_to(pg_temp.token(t, t * 10 + u), 'UTF8')), t * 10 + u, 'script', 'wrk', now() + interval '30 days'
FROM generate_series(1001, 1100) t, generate_series(0, 5) u;

-- The users above, and those who signed up through the form.
CREATE TEMPORARY TABLE people AS SELECT tenant_id, id FROM shared.users WHERE username <> 'person5';

-- In rounds over all users, so that the notes of one user are not adjacent on disk, as in a real database.
INSERT INTO notes (tenant_id, user_id, title, content, created_at, updated_at)
SELECT p.tenant_id, p.id, CASE WHEN n % 3 > 0 THEN 'Meeting ' || n || ' of person ' || p.id END, pg_temp.text_of(p.id, n), written, written
FROM generate_series(1, 20) n, people p, LATERAL (SELECT now() - (21 - n) * interval '1 day' - p.id % 10 * interval '1 minute' AS written) w
ORDER BY n, p.tenant_id, p.id;

VACUUM (ANALYZE) shared.tenants, shared.users, sessions, notes;
SELECT pg_temp.token(t, t * 10 + u) FROM generate_series(1001, 1100) t, generate_series(0, 5) u ORDER BY u, t;
