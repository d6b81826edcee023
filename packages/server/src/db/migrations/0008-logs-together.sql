-- Logs of several tenants are written in one transaction (docs/decisions/0012-the-log.md). These functions go from tenant to tenant by
-- themselves: at each step `earwitness.tenant` names one, so that row-level security holds inside as it does outside, and the role gets no
-- right that it had not. They run with the rights of whoever calls them, and leave no tenant set.

-- What a node holds against the log that it knows, each locked until the end of the transaction; a log that another node has is left out.
create function lock_logs(tenants uuid[]) returns table (tenant_id uuid, size bigint, root bytea, vkey text) language plpgsql volatile
as $$
declare one uuid;
begin
  foreach one in array tenants loop
    perform set_config('earwitness.tenant', one::text, true);
    return query
      select l.tenant_id, l.size, l.root, (select k.vkey from log_keys k where k.tenant_id = one and k.retired_at is null order by k.from_size desc, k.created_at desc limit 1)
        from logs l where l.tenant_id = one for update of l skip locked;
  end loop;
  perform set_config('earwitness.tenant', '', true);
end $$;

-- Of each tenant at most so many rows that have no place, the oldest first.
create function unplaced_evidence(tenants uuid[], passed_over uuid[], at_most integer) returns setof evidence language plpgsql volatile
as $$
declare one uuid;
begin
  foreach one in array tenants loop
    perform set_config('earwitness.tenant', one::text, true);
    return query
      select e.* from evidence e
       where e.tenant_id = one and e.tree_index is null and e.evidence_id <> all (passed_over)
       order by e.recorded_at, e.evidence_id limit at_most;
  end loop;
  perform set_config('earwitness.tenant', '', true);
end $$;

-- Rows get their places, tiles grow, heads move on. Rows and tiles of all tenants follow each other; `row_counts` and `tile_counts` say how
-- many of them are whose. The last rows of the new size are the ones given.
create function write_logs(
  tenants uuid[], sizes bigint[], roots bytea[], heads text[], signed timestamptz,
  row_counts integer[], times timestamptz[], ids uuid[],
  tile_counts integer[], levels integer[], indexes bigint[], tiles bytea[]
) returns void language plpgsql volatile
as $$
declare
  row_at integer := 1;
  tile_at integer := 1;
  row_end integer;
  tile_end integer;
  its_times timestamptz[];
  placed integer;
begin
  for n in 1 .. cardinality(tenants) loop
    perform set_config('earwitness.tenant', tenants[n]::text, true);
    row_end := row_at + row_counts[n] - 1;
    tile_end := tile_at + tile_counts[n] - 1;
    its_times := times[row_at:row_end];

    update evidence e set tree_index = sizes[n] - row_counts[n] + given.at - 1
      from unnest(its_times, ids[row_at:row_end]) with ordinality as given (recorded_at, evidence_id, at)
     where e.tenant_id = tenants[n] and e.recorded_at = given.recorded_at and e.evidence_id = given.evidence_id
       and e.recorded_at between its_times[1] and its_times[row_counts[n]];
    get diagnostics placed = row_count;
    if placed <> row_counts[n] then
      raise exception '% rows of tenant % should have got a place, and % did', row_counts[n], tenants[n], placed;
    end if;

    insert into log_tiles as t (tenant_id, level, index, hashes)
    select tenants[n], given.level, given.index, given.hashes
      from unnest(levels[tile_at:tile_end], indexes[tile_at:tile_end], tiles[tile_at:tile_end]) as given (level, index, hashes)
        on conflict on constraint log_tiles_pkey do update set hashes = excluded.hashes;

    update logs l set size = sizes[n], root = roots[n], head = heads[n], signed_at = signed where l.tenant_id = tenants[n];
    row_at := row_end + 1;
    tile_at := tile_end + 1;
  end loop;
  perform set_config('earwitness.tenant', '', true);
end $$;

revoke execute on function lock_logs, unplaced_evidence, write_logs from public;
grant execute on function lock_logs, unplaced_evidence, write_logs to earwitness_log;
