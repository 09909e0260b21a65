-- Why: a tenant's writes go to the shard's own tables (docs/decisions/0037). Citus keeps writes and the move of a shard apart by a
-- lock that only the owner of the tables may take directly.

-- The schema has what requests call on the node of a shard, and no other role may use it: a node that joins later gets the functions
-- with their grants, and without what was revoked.
GRANT USAGE ON SCHEMA requests TO pigeonhole_app;

-- Shares that lock until the end of the transaction, and refuses a shard that is not placed on the node of this number. The second
-- statement sees the placement as it is once the lock is granted, because each statement of the function has a snapshot of its own.
-- 5 is ShareLock, which Citus's own writes take. Without Citus nothing calls this. Each name has its schema, because setting a
-- search_path for the function would cost each write as much as the lock does.
CREATE FUNCTION requests.lock_placement(shard bigint, node_group integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
BEGIN
    PERFORM pg_catalog.lock_shard_metadata(5, ARRAY[shard]);
    PERFORM FROM pg_catalog.pg_dist_placement p
        WHERE p.shardid OPERATOR(pg_catalog.=) shard AND p.groupid OPERATOR(pg_catalog.=) node_group
          AND p.shardstate OPERATOR(pg_catalog.=) 1;
    IF NOT found THEN
        RAISE EXCEPTION 'shard % is not placed on this node', shard USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION requests.lock_placement(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION requests.lock_placement(bigint, integer) TO pigeonhole_app;
