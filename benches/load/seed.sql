-- The people and notes of bin/bench, the same in every run. Each tenant has readers with 20 notes, as many writers without
-- notes, and two editors whose notes are edited. benches/load/population.rs runs each paragraph as a statement, as
-- superuser in an empty, migrated database, with numbers in place of the words in braces.
--
-- Lengths of texts are realistic: most are a few sentences, a quarter has one or two thousand characters, one in twenty
-- about eight thousand; the mean is about 1 kB.

-- Citus warns that temporary functions are not propagated to other nodes, as intended.
SET client_min_messages = error;

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
        || repeat(E'The boxes stand in the hall & were counted for the last time on Monday; "twelve", says the driver. '
                  || E'Größe und Gewicht stehen auf dem Schein.\n\n', 80),
        pg_temp.length_of(pg_temp.dice(person, note)))
$$;

INSERT INTO shared.tenants (id, name, name_key)
SELECT t, 'Bench ' || t, 'bench ' || t FROM generate_series({first}, {last}) t;

INSERT INTO shared.users (id, tenant_id, username, username_key, email, email_key, password, role)
SELECT t * 1000 + u, t, 'person' || u, 'person' || u, mail, mail, '{password}', CASE u WHEN 0 THEN 'owner' ELSE 'member' END
FROM generate_series({first}::bigint, {last}) t, generate_series(0, 2 * {users} + 1) u,
    LATERAL (SELECT 'person' || u || '@bench' || t || '.example' AS mail) m;

-- As the directory hashes an e-mail (src/domain/names.rs).
INSERT INTO logins (identifier_hash, tenant_id, user_id)
SELECT sha256(convert_to('pigeonhole login v1 person' || u || '@bench' || t || '.example', 'UTF8')), t, t * 1000 + u
FROM generate_series({first}::bigint, {last}) t, generate_series(0, {users} - 1) u;

-- The editors' notes.
INSERT INTO notes (tenant_id, user_id, title, content)
SELECT t, t * 1000 + u, 'Meeting ' || n, pg_temp.text_of(t * 1000 + u, n)
FROM generate_series(1, {edited}) n, generate_series({first}::bigint, {last}) t, generate_series(2 * {users}, 2 * {users} + 1) u;

SELECT setval('shared.tenants_id_seq', {last});
