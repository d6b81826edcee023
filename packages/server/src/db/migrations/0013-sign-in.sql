-- Who signs in as whom, for how long, and until when.

-- Of a person at an identity provider: from the first time on that somebody came by name, only the same account comes as this person.
create table person_identities (
  tenant_id        uuid not null,
  issuer           text not null,
  subject          text not null,                       -- Microsoft's object id; of another provider its `sub`
  person_id        uuid not null,
  constraint person_identities_pkey primary key (tenant_id, issuer, subject),
  constraint person_identities_person_unique unique (tenant_id, issuer, person_id),
  constraint person_identities_person_fkey foreign key (tenant_id, person_id) references people on delete cascade
);

do $$
declare tenant_table text;
begin
  foreach tenant_table in array array['person_identities'] loop
    execute format('alter table %I enable row level security', tenant_table);
    execute format('alter table %I force row level security', tenant_table);
    execute format('create policy tenant_isolation on %I to earwitness_app using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', tenant_table);
    execute format('grant select, insert, update, delete on %I to earwitness_app', tenant_table);
  end loop;
end $$;

-- USR-17. The last day counts whole, in UTC.
alter table people
  add column portal_access boolean not null default true,
  add column valid_till date;

alter table tenants
  add column session_idle_minutes integer not null default 480,
  add column session_whole_minutes integer not null default 1440,
  add constraint tenants_session_check check (session_idle_minutes between 5 and 1440 and session_whole_minutes between 15 and 10080 and session_idle_minutes <= session_whole_minutes);
grant update (session_idle_minutes, session_whole_minutes) on tenants to earwitness_app;

alter table portal_sessions
  add column remote_address text,                       -- where it was begun; sessions of before have none
  add column user_agent text,
  add column begun_by bytea,                            -- digest of the sign-in it came of, which makes one session and no second
  add constraint portal_sessions_begun_by_unique unique (tenant_id, begun_by);
create index portal_sessions_person_index on portal_sessions (tenant_id, person_id) where ended_at is null;
