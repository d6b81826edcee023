-- People that come from a Microsoft 365 directory. What is read goes page by page: a page's people, where the next one begins and
-- how far the report is are one transaction, so that a run that was killed goes on where it was.
create table directory_walks (
  tenant_id        uuid not null references tenants,
  walk             text not null,
  link             text,                                -- Graph's own: the next page, or where the next run begins; null: with everything
  finished         boolean not null,                    -- the link is where the next run begins
  everything       boolean not null,                    -- false: what changed since the run before
  pass             integer not null,                    -- how often everything was begun to be read
  begun_at         timestamptz not null,
  counts           jsonb not null,
  constraint directory_walks_pkey primary key (tenant_id, walk),
  constraint directory_walks_walk_check check (walk in ('users'))
);

-- Which person of ours an object of the directory is.
create table directory_people (
  tenant_id        uuid not null,
  object_id        uuid not null,
  person_id        uuid not null,
  pass             integer not null,                    -- when everything was last read, it was there; older: it is gone
  constraint directory_people_pkey primary key (tenant_id, object_id),
  constraint directory_people_person_unique unique (tenant_id, person_id),
  constraint directory_people_person_fkey foreign key (tenant_id, person_id) references people on delete cascade
);

do $$
declare tenant_table text;
begin
  foreach tenant_table in array array['directory_walks', 'directory_people'] loop
    execute format('alter table %I enable row level security', tenant_table);
    execute format('alter table %I force row level security', tenant_table);
    execute format('create policy tenant_isolation on %I to earwitness_app using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', tenant_table);
    execute format('grant select, insert, update, delete on %I to earwitness_app', tenant_table);
  end loop;
end $$;
