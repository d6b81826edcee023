-- Roles, which are the same everywhere, and access profiles, which a tenant makes itself and maps to groups (ACC, USR-01 to USR-08).
-- What was one column for both until now becomes the role. Rows are changed by the owner, from whom forced policies hide them.
alter table people no force row level security;
alter table api_keys no force row level security;

alter table people rename column access_profile to role;
update people set role = case role when 'Global Admin' then 'Admin' when 'Own Calls' then 'User Self View' else 'User' end;
alter table people alter column role set default 'User', alter column role set not null;
alter table people add constraint people_role_known check (role in ('Admin', 'Supervisor', 'User Self View', 'User', 'API User'));

alter table api_keys rename column access_profile to role;
update api_keys set role = case role when 'Global Admin' then 'Admin' else 'API User' end;
alter table api_keys add constraint api_keys_role_known check (role in ('Admin', 'API User'));

alter table people force row level security;
alter table api_keys force row level security;

create table access_profiles (
  tenant_id          uuid not null references tenants,
  access_profile_id  uuid not null,
  name               text not null,
  description        text not null,
  level              text not null,                       -- whose calls
  permissions        text[] not null,                     -- sorted
  created_at         timestamptz not null default now(),
  constraint access_profiles_pkey primary key (tenant_id, access_profile_id),
  constraint access_profiles_level_known check (level in ('none', 'own', 'groups', 'all'))
);
create unique index access_profiles_name_unique on access_profiles (tenant_id, lower(name));

-- Groups Mapping: whose members have the profile. A group that is mapped is not deleted.
create table access_profile_groups (
  tenant_id          uuid not null,
  access_profile_id  uuid not null,
  group_id           uuid not null,
  constraint access_profile_groups_pkey primary key (tenant_id, access_profile_id, group_id),
  constraint access_profile_groups_profile_fkey foreign key (tenant_id, access_profile_id) references access_profiles on delete cascade,
  constraint access_profile_groups_group_fkey foreign key (tenant_id, group_id) references people_groups
);
create index access_profile_groups_group on access_profile_groups (tenant_id, group_id);

-- Select Groups: whose members' calls the level 'groups' lets see.
create table access_profile_reach (
  tenant_id          uuid not null,
  access_profile_id  uuid not null,
  group_id           uuid not null,
  constraint access_profile_reach_pkey primary key (tenant_id, access_profile_id, group_id),
  constraint access_profile_reach_profile_fkey foreign key (tenant_id, access_profile_id) references access_profiles on delete cascade,
  constraint access_profile_reach_group_fkey foreign key (tenant_id, group_id) references people_groups
);
create index access_profile_reach_group on access_profile_reach (tenant_id, group_id);

-- A profile for one person and a time. It stays when it is over, and when the profile is removed: who had it then is a question of years.
create table access_grants (
  tenant_id          uuid not null,
  access_grant_id    uuid not null,
  access_profile_id  uuid not null,
  person_id          uuid not null,
  reason             text not null,
  created_at         timestamptz not null default now(),
  valid_until        timestamptz not null,
  ended_at           timestamptz,                         -- taken back before
  constraint access_grants_pkey primary key (tenant_id, access_grant_id),
  constraint access_grants_person_fkey foreign key (tenant_id, person_id) references people on delete cascade
);
create index access_grants_person on access_grants (tenant_id, person_id);

-- Groups whose calls a supervisor sees (USR-13). One that is managed is not deleted.
create table managed_groups (
  tenant_id          uuid not null,
  person_id          uuid not null,
  group_id           uuid not null,
  constraint managed_groups_pkey primary key (tenant_id, person_id, group_id),
  constraint managed_groups_person_fkey foreign key (tenant_id, person_id) references people on delete cascade,
  constraint managed_groups_group_fkey foreign key (tenant_id, group_id) references people_groups
);
create index managed_groups_group on managed_groups (tenant_id, group_id);

-- What a key may do that is no administrator's. A revoked key keeps the id of a profile that is removed since.
alter table api_keys add column access_profile_id uuid;
alter table api_keys add constraint api_keys_rights_one check (role = 'API User' or access_profile_id is null);

do $$
declare tenant_table text;
begin
  foreach tenant_table in array array['access_profiles', 'access_profile_groups', 'access_profile_reach', 'access_grants', 'managed_groups'] loop
    execute format('alter table %I enable row level security', tenant_table);
    execute format('alter table %I force row level security', tenant_table);
    execute format('create policy tenant_isolation on %I to earwitness_app using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', tenant_table);
    execute format('grant select, insert, update, delete on %I to earwitness_app', tenant_table);
  end loop;
end $$;

-- Searches over the calls of large groups look at their members, newest call first (foundations, section 4, rule 2).
create policy search_finds_members on group_members for select to earwitness_search using (true);
grant select (tenant_id, group_id, person_id) on group_members to earwitness_search;
