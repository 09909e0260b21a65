-- Why: PostgreSQL says what is, and not what was. The console keeps samples of the busiest tenants and statements for 14
-- days, so that an operator sees a day and a week; and it looks with a role of its own, which can read no note. Which tenants there
-- are, by number and name, is no secret from those who move their shards.
-- The role pigeonhole_console is made before this file runs (src/db/roles.rs).

-- The busiest tenants of each minute, at most a hundred of each process: their statements and the seconds that these took.
CREATE TABLE operator.tenant_samples (
    at          timestamptz NOT NULL,
    tenant      bigint NOT NULL,
    statements  bigint NOT NULL,
    seconds     double precision NOT NULL,
    PRIMARY KEY (at, tenant)
);
CREATE INDEX tenant_samples_by_tenant ON operator.tenant_samples (tenant, at);

-- What the busiest statements had cost by then, each hour.
CREATE TABLE operator.statement_samples (
    at          timestamptz NOT NULL,
    statement   bigint NOT NULL,
    calls       bigint NOT NULL,
    total_ms    double precision NOT NULL,
    rows        bigint NOT NULL,
    PRIMARY KEY (at, statement)
);

-- About how many notes the biggest tenants of this node have and how many bytes these take: from the statistics that PostgreSQL
-- keeps for its planner, so no note is read. The owner of the tables may see those statistics, the console's role only this.
CREATE FUNCTION operator.largest_tenants() RETURNS TABLE (tenant bigint, notes bigint, bytes bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT known.tenant, (known.share * c.reltuples)::bigint, (known.share * pg_total_relation_size(c.oid))::bigint
    FROM pg_stats s
    JOIN pg_class c ON c.relname = s.tablename AND c.relnamespace = 'public'::regnamespace,
         unnest(s.most_common_vals::text::bigint[], s.most_common_freqs) AS known(tenant, share)
    WHERE s.schemaname = 'public' AND s.attname = 'tenant_id' AND s.tablename ~ '^notes(_[0-9]{6,})?$'
    ORDER BY 3 DESC LIMIT 50
$$;
REVOKE ALL ON FUNCTION operator.largest_tenants() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION operator.largest_tenants() TO pigeonhole_console;

GRANT USAGE ON SCHEMA operator TO pigeonhole_console;
GRANT USAGE ON SCHEMA shared TO pigeonhole_console;
GRANT SELECT ON operator.events, operator.node_groups, operator.pins TO pigeonhole_console;
GRANT UPDATE (finished_at, outcome) ON operator.events TO pigeonhole_console;
GRANT UPDATE ON operator.tenant_samples TO pigeonhole_console;
GRANT SELECT, INSERT, DELETE ON operator.tenant_samples, operator.statement_samples TO pigeonhole_console;
-- The directory of tenants is on every node, and its copies are changed one after the other.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        SET LOCAL citus.multi_shard_modify_mode TO 'sequential';
    END IF;
    GRANT SELECT (id, name) ON shared.tenants TO pigeonhole_console;
    CREATE POLICY watch ON shared.tenants FOR SELECT TO pigeonhole_console USING (true);
END $$;
