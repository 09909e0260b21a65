-- Why: a search has to use an index that row-level security keeps from it (docs/decisions/0039). Apart from migration 16, because Citus
-- makes no function in a transaction that has changed distributed tables.

-- The numbers of the notes that a search of a person finds, in their order: hits in the title first, then the latest changed. `search` is
-- the JSON of src/store/search.rs. It finds what the policies allow to the role that runs it.
--
-- The latest notes of the person are compared one by one. If they do not fill a page, the index finds the older ones: a word that few
-- notes have is found by the index, and one that many have within the latest notes.
CREATE FUNCTION requests.compare_notes(notes text, shared_notes text, tenant bigint, person bigint, search bytea)
RETURNS TABLE (note_id bigint, in_title boolean, changed_at timestamptz, total bigint, is_exact boolean)
LANGUAGE plpgsql STABLE SET search_path TO pg_catalog, pg_temp SET jit TO off AS $$
DECLARE
    -- How many of the latest notes are compared one by one and how many bytes of them, and with how many hits among them the older ones are not counted.
    latest CONSTANT integer := 2000;
    latest_bytes CONSTANT integer := 4194304;
    many CONSTANT integer := 80;
    query jsonb := convert_from(search, 'UTF8')::jsonb;
    after_text boolean := coalesce(NOT (query -> 'after' ->> 'in_title')::boolean, false);
    position text := format('(%L::timestamptz, %L::bigint)', query -> 'after' ->> 'at', query -> 'after' ->> 'id');
    own text := CASE WHEN (query ->> 'own')::boolean
        THEN format('n.tenant_id = %L AND n.user_id = %L AND n.deleted_at IS NULL', tenant, person) ELSE 'false' END;
    scope integer;
    text_matches text;
    title_matches text;
    text_keys text;
    title_keys text;
    behind text;
BEGIN
    IF tenant IS DISTINCT FROM nullif(current_setting('app.tenant_id', true), '')::bigint OR person IS NULL THEN
        RETURN;
    END IF;
    IF notes !~ '^(public\.)?notes(_[0-9]+)?$' OR shared_notes !~ '^(public\.)?shared_notes(_[0-9]+)?$' THEN
        RAISE EXCEPTION 'these tables are not searched' USING ERRCODE = 'insufficient_privilege';
    END IF;
    notes := 'public.' || regexp_replace(notes, '^public\.', '');
    shared_notes := 'public.' || regexp_replace(shared_notes, '^public\.', '');

    -- Keys of two authors differ, so that the index reads only what one person wrote (src/domain/search/keys.rs).
    scope := ((person % 2147483647) * 48271 % 2147483647)::integer;
    SELECT string_agg(text_of, ' OR '), string_agg(title_of, ' OR '),
           CASE WHEN bool_or(keys IS NULL) THEN 'true'
               ELSE string_agg(format('n.search_keys @> %L::integer[]', keys), ' OR ') END,
           CASE WHEN bool_or(of_title IS NULL AND alternative -> 'all' <> '[]') THEN 'true'
               ELSE string_agg(format('n.search_keys @> %L::integer[]', of_title), ' OR ') FILTER (WHERE of_title IS NOT NULL) END
      INTO text_matches, title_matches, text_keys, title_keys
      FROM jsonb_array_elements(query -> 'any') alternative,
           LATERAL (SELECT array_agg(key::integer # scope) FROM jsonb_array_elements_text(alternative -> 'keys') key) k (keys),
           LATERAL (SELECT array_agg(key::integer # scope) FROM jsonb_array_elements_text(alternative -> 'title_keys') key) t (of_title),
           LATERAL (SELECT '(true'
               || coalesce(string_agg(format(' AND strpos(n.search_text, %L) > 0', part), '') FILTER (WHERE wanted), '')
               || coalesce(string_agg(format(' AND strpos(n.search_text, %L) = 0', part), '') FILTER (WHERE NOT wanted), '') || ')',
               CASE WHEN bool_or(wanted) THEN '(true' || string_agg(
                   format(' AND strpos(split_part(n.search_text, E''\n'', 1), %L) > 0', part), '') FILTER (WHERE wanted) || ')'
                   ELSE 'false' END
               FROM (SELECT part, true FROM jsonb_array_elements_text(alternative -> 'all') part
                     UNION ALL SELECT part, false FROM jsonb_array_elements_text(alternative -> 'none') part) parts (part, wanted)
           ) conditions (text_of, title_of);
    IF text_matches IS NULL THEN
        RETURN;
    END IF;
    title_matches := format('CASE WHEN %s THEN %s ELSE false END', text_matches, title_matches);
    behind := CASE WHEN query -> 'after' IS NULL THEN 'true'
        WHEN after_text THEN format('NOT f.in_title AND (f.updated_at, f.id) < %s', position)
        ELSE format('(NOT f.in_title OR (f.updated_at, f.id) < %s)', position) END;

    RETURN QUERY EXECUTE format($sql$
        WITH walk AS MATERIALIZED (
            SELECT n.id, n.updated_at, n.bytes <= %18$s AS is_walked,
                   CASE WHEN n.bytes <= %18$s THEN %2$s ELSE false END AS in_title,
                   CASE WHEN n.bytes <= %18$s THEN (%1$s) ELSE false END AS matches
            FROM (SELECT n.id, n.updated_at, n.search_text,
                         sum(octet_length(n.search_text)) OVER (ORDER BY n.updated_at DESC, n.id DESC
                             ROWS UNBOUNDED PRECEDING) AS bytes
                  FROM (SELECT n.id, n.updated_at, n.search_text FROM %5$s n
                        WHERE %7$s AND %8$s ORDER BY n.updated_at DESC, n.id DESC LIMIT %9$s) n) n),
        walked AS MATERIALIZED (
            SELECT has_older AND (found < %10$s OR (titles < %12$s AND texts < %12$s)) AS needs_rare,
                   has_older AND titles < %12$s AS needs_titles, has_older
            FROM (SELECT count(*) FILTER (WHERE f.is_walked) < count(*) OR count(*) = %9$s AS has_older, count(*) FILTER (WHERE f.matches) AS found,
                         count(*) FILTER (WHERE f.in_title AND %11$s) AS titles,
                         count(*) FILTER (WHERE f.matches AND NOT f.in_title) AS texts FROM walk f) counted),
        rare AS MATERIALIZED (
            SELECT n.id, n.updated_at, %2$s AS in_title FROM %5$s n
            WHERE (SELECT needs_rare FROM walked) AND %7$s AND (%3$s) AND (%1$s)),
        titles AS MATERIALIZED (
            SELECT n.id, n.updated_at, true AS in_title FROM %5$s n
            WHERE (SELECT needs_titles AND NOT needs_rare FROM walked) AND NOT %13$s AND %7$s AND (%4$s) AND %2$s),
        own AS (
            SELECT id, updated_at, in_title FROM walk WHERE matches
            UNION SELECT id, updated_at, in_title FROM rare
            UNION SELECT id, updated_at, in_title FROM titles),
        found AS MATERIALIZED (
            SELECT id, updated_at, in_title FROM own
            UNION ALL
            SELECT n.id, n.updated_at, %2$s FROM %6$s i
            JOIN %5$s n ON n.tenant_id = i.tenant_id AND n.id = i.note_id AND n.deleted_at IS NULL AND n.user_id <> %15$L
            WHERE %14$s AND i.tenant_id = %16$L AND i.recipient_id = %15$L AND (%1$s)
            UNION ALL
            SELECT n.id, n.updated_at, %2$s FROM %5$s n
            WHERE %17$s AND n.tenant_id = %16$L AND n.user_id = %15$L AND n.deleted_at IS NOT NULL AND (%1$s))
        SELECT f.id, f.in_title, f.updated_at, (SELECT count(*) FROM found),
               (SELECT needs_rare OR NOT has_older FROM walked)
        FROM found f WHERE %11$s ORDER BY f.in_title DESC, f.updated_at DESC, f.id DESC LIMIT %12$s
        $sql$,
        text_matches, title_matches, text_keys, coalesce(title_keys, 'false'), notes, shared_notes, own,
        CASE WHEN after_text THEN format('(n.updated_at, n.id) < %s', position) ELSE 'true' END,
        latest, CASE WHEN query -> 'after' IS NULL THEN many ELSE 0 END, behind,
        (query ->> 'wanted')::integer, after_text::text,
        CASE WHEN NOT (query ->> 'inbox')::boolean THEN 'false'
            WHEN (query ->> 'unread')::boolean THEN 'i.read_at IS NULL' ELSE 'true' END,
        person, tenant, (query ->> 'bin')::boolean::text, latest_bytes);
END
$$;

-- The same as the owner of the tables, who may use the index. It gives numbers only, of the tenant of the request: the statement that reads
-- these notes is under the policies, like every other.
CREATE FUNCTION requests.compare_notes_by_index(notes text, shared_notes text, tenant bigint, person bigint, search bytea)
RETURNS TABLE (note_id bigint, in_title boolean, changed_at timestamptz, total bigint, is_exact boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp AS $$
    SELECT * FROM requests.compare_notes(notes, shared_notes, tenant, person, search)
$$;

-- The one that requests call. The name of a distributed table means that the statement goes through Citus. Citus repeats the role of
-- the request on connections that it opens as the owner, which is refused, so there the policies stay in the way of the index.
CREATE FUNCTION requests.find_notes(notes text, shared_notes text, tenant bigint, person bigint, search bytea)
RETURNS TABLE (note_id bigint, in_title boolean, changed_at timestamptz, total bigint, is_exact boolean)
LANGUAGE plpgsql STABLE SET search_path TO pg_catalog, pg_temp AS $$
BEGIN
    IF notes ~ '_[0-9]+$' OR NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        RETURN QUERY SELECT * FROM requests.compare_notes_by_index(notes, shared_notes, tenant, person, search);
    ELSE
        RETURN QUERY SELECT * FROM requests.compare_notes(notes, shared_notes, tenant, person, search);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION requests.compare_notes(text, text, bigint, bigint, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION requests.compare_notes(text, text, bigint, bigint, bytea) TO pigeonhole_app;
REVOKE ALL ON FUNCTION requests.compare_notes_by_index(text, text, bigint, bigint, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION requests.compare_notes_by_index(text, text, bigint, bigint, bytea) TO pigeonhole_app;
REVOKE ALL ON FUNCTION requests.find_notes(text, text, bigint, bigint, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION requests.find_notes(text, text, bigint, bigint, bytea) TO pigeonhole_app;
