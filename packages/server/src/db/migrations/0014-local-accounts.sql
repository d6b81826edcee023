-- People who sign in without an identity provider: by a password and a one-time code, which they set by an enrollment.
create table local_accounts (
  tenant_id        uuid not null,
  person_id        uuid not null,
  password_hash    text not null,                       -- argon2id
  code_sealed      text not null,                       -- what one-time codes are made of, sealed with the installation's secret
  code_step        bigint not null,                     -- of the last code that was used: none is taken twice
  since            timestamptz not null,
  constraint local_accounts_pkey primary key (tenant_id, person_id),
  constraint local_accounts_person_fkey foreign key (tenant_id, person_id) references people on delete cascade
);

create table local_enrollments (
  tenant_id        uuid not null,
  enrollment_id    uuid not null,
  person_id        uuid not null,
  secret_sha256    bytea not null,
  expires_at       timestamptz not null,
  by_operator      boolean not null,                    -- from the command line, past whoever gives access
  constraint local_enrollments_pkey primary key (tenant_id, enrollment_id),
  constraint local_enrollments_person_unique unique (tenant_id, person_id), -- a new one takes the place of the one before
  constraint local_enrollments_person_fkey foreign key (tenant_id, person_id) references people on delete cascade
);

do $$
declare tenant_table text;
begin
  foreach tenant_table in array array['local_accounts', 'local_enrollments'] loop
    execute format('alter table %I enable row level security', tenant_table);
    execute format('alter table %I force row level security', tenant_table);
    execute format('create policy tenant_isolation on %I to earwitness_app using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', tenant_table);
    execute format('grant select, insert, update, delete on %I to earwitness_app', tenant_table);
  end loop;
end $$;
