-- Trunks as people set them up, what became of their invitations, and people and groups kept by hand.
-- Row-level security holds for the owner too, so existing rows are changed by the statements that change the columns.

alter table trunks alter column record_all drop default;
alter table trunks alter column record_all type text using case when record_all then 'record' else 'ignore' end;
alter table trunks rename column record_all to unknown;   -- what becomes of a participant nobody knows
alter table trunks alter column unknown set default 'ignore';
alter table trunks
  add constraint trunks_unknown_known check (unknown in ('ignore', 'record')),
  add column transport            text not null default 'any' constraint trunks_transport_known check (transport in ('any', 'tls')),
  add column media                text not null default 'any' constraint trunks_media_known check (media in ('any', 'srtp')),
  add column certificates         text[] not null default '{}',  -- PEM: clients' own, or of authorities
  add column numbers              jsonb not null default '{"countryCode": null, "internationalPrefix": null, "nationalPrefix": null, "rewrites": []}',
  add column matching             jsonb not null default '[{"by": "address"}, {"by": "number"}]',
  -- Existing trunks get theirs here: 40 bits of a random UUID.
  add column recording_user       text not null default substr(replace(gen_random_uuid()::text, '-', ''), 1, 10)
    constraint trunks_recording_user_form check (recording_user ~ '^[a-z0-9]{6,32}$')
    constraint trunks_recording_user_unique unique,           -- over all tenants: it names the trunk
  add column digest_username      text,
  add column digest_realm         text,
  add column digest_ha1_md5       text,                       -- H(username:realm:password): the password is kept nowhere
  add column digest_ha1_sha256    text,
  add column digest_set_at        timestamptz,
  add constraint trunks_digest_whole check (num_nulls(digest_username, digest_realm, digest_ha1_md5, digest_ha1_sha256, digest_set_at) in (0, 5));
alter table trunks alter column recording_user drop default;

-- The last invitations of each trunk, and those that a tenant has no trunk for; a few hundred each (trunks/invitation-log.ts).
create table trunk_invitations (
  tenant_id        uuid not null references tenants,
  invitation_id    uuid not null,
  trunk_id         uuid,                                -- no foreign key: what came last outlives no trunk, but may come in after it
  at               timestamptz not null,
  node_id          text not null,
  remote_address   text not null,
  transport        text not null constraint trunk_invitations_transport_known check (transport in ('udp', 'tcp', 'tls')),
  sip_call_id      text not null,
  client           text,
  status           integer not null,
  outcome          text not null constraint trunk_invitations_outcome_known check (outcome in ('recorded', 'ignored', 'refused')),
  reason           text not null,
  explanation      text not null,
  repeated         integer not null default 0,
  recording_id     text,
  trace            bytea,                               -- gzip members one after the other, as the messages came
  constraint trunk_invitations_pkey primary key (tenant_id, invitation_id)
);

create index trunk_invitations_newest on trunk_invitations (tenant_id, trunk_id, at desc, invitation_id desc);
create index trunk_invitations_all_newest on trunk_invitations (tenant_id, at desc, invitation_id desc);

-- Internal numbers of people (CAP-75).
create table person_extensions (
  tenant_id        uuid not null,
  extension        text not null constraint person_extensions_form check (extension ~ '^[0-9]{3,15}$'),
  person_id        uuid not null,
  constraint person_extensions_pkey primary key (tenant_id, extension),
  constraint person_extensions_person_fkey foreign key (tenant_id, person_id) references people on delete cascade
);

create index person_extensions_person on person_extensions (tenant_id, person_id);
create index person_addresses_person on person_addresses (tenant_id, person_id);

-- The UPN of somebody who was taken out may be given to somebody else.
drop index people_upn_unique;
create unique index people_upn_unique on people (tenant_id, lower(upn)) where deleted_at is null;
create index people_by_name on people (tenant_id, lower(display_name), person_id) where deleted_at is null;

create table people_groups (
  tenant_id        uuid not null references tenants,
  group_id         uuid not null,
  name             text not null,
  created_at       timestamptz not null default now(),
  constraint people_groups_pkey primary key (tenant_id, group_id)
);

create unique index people_groups_name_unique on people_groups (tenant_id, lower(name));

create table group_members (
  tenant_id        uuid not null,
  group_id         uuid not null,
  person_id        uuid not null,
  constraint group_members_pkey primary key (tenant_id, group_id, person_id),
  constraint group_members_group_fkey foreign key (tenant_id, group_id) references people_groups on delete cascade,
  constraint group_members_person_fkey foreign key (tenant_id, person_id) references people on delete cascade
);

create index group_members_person on group_members (tenant_id, person_id);

do $$
declare tenant_table text;
begin
  foreach tenant_table in array array['trunk_invitations', 'person_extensions', 'people_groups', 'group_members'] loop
    execute format('alter table %I enable row level security', tenant_table);
    execute format('alter table %I force row level security', tenant_table);
    execute format('create policy tenant_isolation on %I to earwitness_app using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', tenant_table);
    execute format('grant select, insert, update, delete on %I to earwitness_app', tenant_table);
  end loop;
end $$;

create policy system_reads_directory on person_extensions for select to earwitness_system using (true);
grant select on person_extensions to earwitness_system;
