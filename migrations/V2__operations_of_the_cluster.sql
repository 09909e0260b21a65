-- Why: what operators do to the cluster is kept where the next operator looks for it: who did what, which group numbers
-- were ever given out, and which tenants live alone on which node. These are plain tables of the coordinator, outside the
-- reach of every role that serves requests, and no row in them belongs to a tenant.
-- The schema "operator" is made before this file runs (src/db/roles.rs).

CREATE TABLE operator.events (
    id          bigserial PRIMARY KEY,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    who         text NOT NULL,
    command     text NOT NULL,
    detail      text NOT NULL DEFAULT '',
    job         bigint,
    outcome     text NOT NULL DEFAULT 'started' CHECK (outcome IN ('started', 'done', 'failed', 'stopped')),
    message     text NOT NULL DEFAULT ''
);

-- A group number decides the range of ids that a node gives out, so a number is never given to a second server.
CREATE TABLE operator.node_groups (
    groupid     integer PRIMARY KEY CHECK (groupid BETWEEN 0 AND 65535),
    address     text NOT NULL,
    added_at    timestamptz NOT NULL DEFAULT now(),
    removed_at  timestamptz
);

-- A shard that holds one hash value is kept on a node; with "alone" that node takes no other shard.
CREATE TABLE operator.pins (
    colocation  integer NOT NULL,
    hash_value  integer NOT NULL,
    tenant      bigint NOT NULL,
    groupid     integer NOT NULL,
    alone       boolean NOT NULL DEFAULT false,
    pinned_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (colocation, hash_value)
);

-- The rebalancer asks this for each shard and node. A pin to a node that is gone or being drained counts for nothing.
CREATE FUNCTION operator.shard_may_live_on(shard bigint, node integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own_group integer;
    home integer;
BEGIN
    SELECT n.groupid INTO own_group FROM pg_dist_node n WHERE n.nodeid = node;
    SELECT pin.groupid INTO home
    FROM pg_dist_shard s
    JOIN pg_dist_partition t ON t.logicalrelid = s.logicalrelid
    JOIN operator.pins pin ON pin.colocation = t.colocationid
        AND s.shardminvalue = pin.hash_value::text AND s.shardmaxvalue = pin.hash_value::text
    JOIN pg_dist_node n ON n.groupid = pin.groupid AND n.noderole = 'primary' AND n.isactive AND n.shouldhaveshards
    WHERE s.shardid = shard;
    IF FOUND THEN
        RETURN home = own_group;
    END IF;
    RETURN NOT EXISTS (SELECT FROM operator.pins pin WHERE pin.alone AND pin.groupid = own_group);
END $$;
