-- The signed log of each tenant (docs/decisions/0012-the-log.md). Three roles more, each for one thing:
--   earwitness_log      gives rows their place, writes tiles, heads, keys and checkpoints of one tenant (withLog)
--   earwitness_pending  which tenants have rows without a place, or a head that was not kept; over all tenants (withPending)
--   earwitness_erase    empties rows of one tenant that have their place, and can do nothing else to them (asEraser)

-- What a row is committed to with: 244 random bits in 32 bytes. Null in a row that was erased. Existing rows get theirs here.
alter table evidence
  add column salt             bytea default (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
  add column erased_by        uuid,                     -- evidence_id of the row that says who erased this one, and why
  -- An erased row holds nothing that its own commitment no longer covers; its id and its time stand in the row that erased it.
  add constraint evidence_erased_whole check (case when erased_by is null
    then octet_length(salt) = 32
    else salt is null and tree_index is not null and occurred_at = recorded_at and node_id = '' and actor_kind = 'machine' and actor_id = ''
         and actor_name = '' and action = '' and item = '' and num_nonnulls(subject, remote_address, reason) = 0 and detail = '{}' end),
  add constraint evidence_tree_index_natural check (tree_index >= 0);

create index evidence_unplaced on evidence (tenant_id, recorded_at) where tree_index is null;
create index evidence_place on evidence (tenant_id, tree_index) where tree_index is not null;

create table logs (
  tenant_id        uuid constraint logs_pkey primary key references tenants,
  origin           text not null constraint logs_origin_unique unique,
  size             bigint not null default 0 constraint logs_size_natural check (size >= 0),
  root             bytea not null default sha256('') constraint logs_root_whole check (octet_length(root) = 32),
  head             text,                                -- the newest signed head, a C2SP note; null while there is no row
  signed_at        timestamptz,
  created_at       timestamptz not null default now()
);

create table log_keys (
  tenant_id        uuid not null references logs,
  vkey             text not null,
  from_size        bigint not null,                     -- heads larger than this are signed by it
  created_at       timestamptz not null default now(),
  retired_at       timestamptz,
  handover         text,                                -- a note signed by the key before and by this one; null for the first
  constraint log_keys_pkey primary key (tenant_id, vkey)
);

-- Hashes of the tree as in C2SP tlog-tiles: level 0 holds leaves, level 1 roots of 256 of them, and so on. Level -1 holds the entries
-- (commitments to rows), which nobody could compute again once a row is erased. A partial tile is the beginning of its row here.
create table log_tiles (
  tenant_id        uuid not null references logs,
  level            integer not null constraint log_tiles_level_known check (level between -1 and 63),
  index            bigint not null,
  hashes           bytea not null constraint log_tiles_hashes_whole check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0),
  constraint log_tiles_pkey primary key (tenant_id, level, index)
);

alter table log_tiles alter column hashes set storage external; -- hashes do not compress

create table checkpoints (
  tenant_id        uuid not null references logs,
  size             bigint not null,
  note             text not null,                       -- with the lines of witnesses, as they come
  kept_at          timestamptz not null,
  timestamp_token  bytea,                               -- RFC 3161, over the note as it was signed by the log alone
  constraint checkpoints_pkey primary key (tenant_id, size)
);

do $$
declare tenant_table text;
begin
  foreach tenant_table in array array['logs', 'log_keys', 'log_tiles', 'checkpoints'] loop
    execute format('alter table %I enable row level security', tenant_table);
    execute format('alter table %I force row level security', tenant_table);
    execute format('create policy tenant_isolation on %I to earwitness_app using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', tenant_table);
    execute format('create policy log_is_kept on %I to earwitness_log using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', tenant_table);
    execute format('grant select on %I to earwitness_app', tenant_table);
    execute format('grant select, insert on %I to earwitness_log', tenant_table);
  end loop;
end $$;

grant usage on schema public to earwitness_log, earwitness_pending, earwitness_erase;

-- Nothing of a log is ever deleted, by anyone; what grows or is added to is named.
grant update (size, root, head, signed_at) on logs to earwitness_log;
grant update (retired_at) on log_keys to earwitness_log;
grant update (hashes) on log_tiles to earwitness_log;
grant update (note, timestamp_token) on checkpoints to earwitness_log;

-- A row gets one place, once.
create policy log_reads on evidence for select to earwitness_log using (tenant_id = current_tenant());
create policy log_places on evidence for update to earwitness_log
  using (tenant_id = current_tenant() and tree_index is null) with check (tenant_id = current_tenant() and tree_index is not null);
grant select, update (tree_index) on evidence to earwitness_log;

create policy pending_counts on evidence for select to earwitness_pending using (tree_index is null);
create policy pending_counts on logs for select to earwitness_pending using (true);
create policy pending_counts on checkpoints for select to earwitness_pending using (true);
grant select (tenant_id, recorded_at, tree_index) on evidence to earwitness_pending;
grant select (tenant_id, size) on logs to earwitness_pending;
grant select (tenant_id, size) on checkpoints to earwitness_pending;

-- A row that has its place is emptied, and stays so.
create policy erase_finds on evidence for select to earwitness_erase using (tenant_id = current_tenant());
create policy erase_empties on evidence for update to earwitness_erase
  using (tenant_id = current_tenant() and tree_index is not null and erased_by is null) with check (tenant_id = current_tenant() and erased_by is not null);
grant select (tenant_id, recorded_at, evidence_id, tree_index, erased_by) on evidence to earwitness_erase;
grant update (salt, erased_by, occurred_at, node_id, actor_kind, actor_id, actor_name, action, item, subject, remote_address, reason, detail) on evidence to earwitness_erase;
