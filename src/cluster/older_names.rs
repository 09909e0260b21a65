//! Views under the names that older Citus guides use, for administrators in psql.

use super::error::ClusterError;
use super::node_connection::NodeConnection;

/// Makes `citus_stat_shards` an alias of `citus_shards`. The view reads it through a function, whose text
/// PostgreSQL resolves at each call: a view on citus_shards itself would be a dependency, and ALTER EXTENSION
/// citus UPDATE could not recreate citus_shards.
const STAT_SHARDS: &str = "DO $do$ BEGIN
    IF to_regclass('pg_catalog.citus_stat_shards') IS NULL
    AND to_regclass('public.citus_stat_shards') IS NULL THEN
        -- Administrators query the coordinator, and a worker that joins later needs no copy.
        PERFORM set_config('citus.enable_ddl_propagation', 'off', true);
        CREATE OR REPLACE FUNCTION operator.citus_shards() RETURNS TABLE (
            table_name regclass, shardid bigint, shard_name text, citus_table_type text,
            colocation_id integer, nodename text, nodeport integer, shard_size bigint)
        LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $f$
            SELECT table_name, shardid, shard_name, citus_table_type,
                   colocation_id, nodename, nodeport, shard_size FROM citus_shards
        $f$;
        REVOKE ALL ON FUNCTION operator.citus_shards() FROM PUBLIC;
        CREATE VIEW public.citus_stat_shards AS SELECT * FROM operator.citus_shards();
    END IF;
END $do$";

/// Creates the views that do not exist yet.
pub(super) async fn install(coordinator: &NodeConnection) -> Result<(), ClusterError> {
    coordinator.run("making the views that older guides name", STAT_SHARDS).await
}
