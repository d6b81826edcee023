-- How a tenant's Microsoft 365 directory is reached, which of its groups are ours too, and what became of every run.
create table directory_connections (
  tenant_id         uuid not null references tenants,
  client_id         text not null,
  secret_key_id     text not null,                      -- data key in the keystore, under which the secret is sealed
  secret_sealed     bytea not null,
  secret_set_at     timestamptz not null,
  secret_expires_on text,                               -- a day, as the administrator was told it; null: not known
  records_new       boolean not null,                   -- whether the calls of people who are new are recorded
  looked_at         timestamptz,                        -- when the last run ended, however it did
  constraint directory_connections_pkey primary key (tenant_id),
  constraint directory_connections_expires_check check (secret_expires_on ~ '^\d{4}-\d\d-\d\d$')
);

-- Groups of the directory that an administrator chose; each is a group of people here.
create table directory_groups (
  tenant_id        uuid not null references tenants,
  object_id        uuid not null,
  group_id         uuid not null,
  stale            boolean not null default true,       -- who is in it has to be held against what was read
  missing_since    timestamptz,                         -- it is not in the directory any more; its people stay until somebody decides
  constraint directory_groups_pkey primary key (tenant_id, object_id),
  constraint directory_groups_group_unique unique (tenant_id, group_id),
  constraint directory_groups_group_fkey foreign key (tenant_id, group_id) references people_groups
);

-- Groups that are read: those that were chosen, and those in them. Graph answers for at most fifty in one question.
create table directory_watches (
  tenant_id        uuid not null references tenants,
  object_id        uuid not null,
  batch            integer not null,
  pass             integer not null,                    -- when everything of its batch was last read, it was there; older: it is gone
  missing          boolean not null,
  constraint directory_watches_pkey primary key (tenant_id, object_id)
);

-- Who stands in them directly, as the directory says: objects, whether they are people here or not.
create table directory_members (
  tenant_id        uuid not null references tenants,
  group_object_id  uuid not null,
  member_object_id uuid not null,
  is_group         boolean not null,
  pass             integer not null,
  constraint directory_members_pkey primary key (tenant_id, group_object_id, member_object_id)
);

create table directory_runs (
  tenant_id        uuid not null references tenants,
  run_id           uuid not null,
  kind             text not null,
  cause            text not null,
  state            text not null,
  actor_kind       text not null,                       -- who asked for it
  actor_id         text not null,
  actor_name       text not null,
  asked_at         timestamptz not null,
  begun_at         timestamptz,
  seen_at          timestamptz,                         -- the node that runs it was there
  node_id          text,
  ended_at         timestamptz,
  report           jsonb,
  error            text,
  repeated         integer not null default 1,          -- so many runs in turn ended like this
  constraint directory_runs_pkey primary key (tenant_id, run_id),
  constraint directory_runs_kind_check check (kind in ('everything', 'changes')),
  constraint directory_runs_cause_check check (cause in ('nightly', 'asked', 'watch')),
  constraint directory_runs_state_check check (state in ('waiting', 'running', 'done', 'failed'))
);
create unique index directory_runs_one_at_a_time on directory_runs (tenant_id) where state in ('waiting', 'running');
create index directory_runs_newest on directory_runs (tenant_id, asked_at desc);

alter table directory_walks drop constraint directory_walks_walk_check;
alter table directory_walks add constraint directory_walks_walk_check check (walk = 'users' or walk ~ '^groups \d+$');
alter table directory_walks no force row level security; -- it hides the rows from their owner
update directory_walks set counts = counts || '{"restored": 0}';
alter table directory_walks force row level security;

-- Who was deleted in the directory, and may be restored there for thirty days: they come back as the same person.
alter table directory_people add column removed_at timestamptz;
alter table directory_people add column removed_with jsonb; -- what of theirs was let go: addresses, groups and the like

do $$
declare tenant_table text;
begin
  foreach tenant_table in array array['directory_connections', 'directory_groups', 'directory_watches', 'directory_members', 'directory_runs'] loop
    execute format('alter table %I enable row level security', tenant_table);
    execute format('alter table %I force row level security', tenant_table);
    execute format('create policy tenant_isolation on %I to earwitness_app using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', tenant_table);
    execute format('grant select, insert, update, delete on %I to earwitness_app', tenant_table);
  end loop;
end $$;

-- Which tenants have one; nothing of the connection itself.
create policy system_reads_directory on directory_connections for select to earwitness_system using (true);
grant select (tenant_id) on directory_connections to earwitness_system;
