-- Who may see what. The roles exist already (roles.ts): every transaction runs under one of them, never under the login role.
--   earwitness_app     one tenant's rows, chosen by the setting earwitness.tenant (withTenant)
--   earwitness_search  any tenant's interactions, few columns, only to find ids (search.ts adds the tenant)
--   earwitness_system  the directory of all tenants, for the nodes' snapshots; the table of nodes (withSystem)

revoke create on schema public from public;
grant usage on schema public to earwitness_app, earwitness_search, earwitness_system;

-- Every table with a tenant: closed to everyone, its owner included, but for the tenant's own rows.
do $$
declare tenant_table regclass;
begin
  for tenant_table in
    select c.oid from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  loop
    execute format('alter table %s enable row level security', tenant_table);
    execute format('alter table %s force row level security', tenant_table);
    execute format('create policy tenant_isolation on %s to earwitness_app using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', tenant_table);
  end loop;
end $$;

-- The tenant's side. Its public key is written once: whoever could change it could have recordings sealed to himself.
grant select, insert, update (slug, display_name, m365_tenant_id, sandbox, keep_original) on tenants to earwitness_app;
grant select, insert, update, delete on
  people, person_addresses, trunks, api_keys, portal_sessions,
  media, media_tracks, media_objects, media_events, interactions, interaction_media, plays
  to earwitness_app;
-- What was done stays done: evidence is written and read, never changed; its place in the tree is the sequencer's to give.
grant select, insert (
  tenant_id, recorded_at, evidence_id, occurred_at, node_id, actor_kind, actor_id, actor_name, action, item, subject,
  remote_address, reason, detail
) on evidence to earwitness_app;
-- A call's facts and the mark of how far they are applied commit together (recorder).
grant select, update (facts_applied) on nodes to earwitness_app;

-- Search.
create policy search_finds_ids on interactions for select to earwitness_search using (true);
grant select (
  tenant_id, minted_at, interaction_id, trunk_id, person_id, media_status, started_at, answered_at, released_at,
  direction, call_type, release_cause, sip_call_id, sys_call_id, chain_id, has_gaps, sandbox, party_text
) on interactions to earwitness_search;

-- Nodes.
create policy system_reads_directory on tenants for select to earwitness_system using (true);
create policy system_reads_directory on people for select to earwitness_system using (true);
create policy system_reads_directory on person_addresses for select to earwitness_system using (true);
create policy system_reads_directory on trunks for select to earwitness_system using (true);
grant select on tenants, people, person_addresses, trunks to earwitness_system;
grant select, insert, update, delete on nodes to earwitness_system;

-- Partitions ---------------------------------------------------------------------------------------------------------

-- Makes the quarter's partition of every partitioned table that lacks it. A partition is reached through its table only:
-- it gets no grants, and forced row-level security without a policy closes it to its owner too. Made apart and attached,
-- because CREATE TABLE … PARTITION OF would lock out everyone who reads the table at that moment.
create function make_partitions(at timestamptz) returns void language plpgsql as $$
declare
  quarter_start constant timestamptz := date_trunc('quarter', at at time zone 'UTC') at time zone 'UTC';
  quarter_end   constant timestamptz := (date_trunc('quarter', at at time zone 'UTC') + interval '3 months') at time zone 'UTC';
  suffix        constant text := to_char(at at time zone 'UTC', '_YYYY"q"Q');
  parent        record;
  partition     text;
begin
  perform pg_advisory_xact_lock(hashtext('earwitness.make_partitions'));
  for parent in
    select c.oid::regclass as name, c.relname from pg_partitioned_table p join pg_class c on c.oid = p.partrelid
    where c.relnamespace = 'public'::regnamespace
    -- in the order of their making, so that the referenced ones come first
    order by c.oid
  loop
    partition := parent.relname || suffix;
    continue when to_regclass(format('public.%I', partition)) is not null;
    execute format('create table public.%I (like %s including defaults including constraints)', partition, parent.name);
    execute format('alter table public.%I enable row level security', partition);
    execute format('alter table public.%I force row level security', partition);
    execute format('alter table %s attach partition public.%I for values from (%L) to (%L)', parent.name, partition, quarter_start, quarter_end);
  end loop;
end $$;

revoke execute on function make_partitions(timestamptz) from public;
