-- The tables everything else stands on. Conventions:
--   * every tenant table has tenant_id, forced row-level security and the policy tenant_isolation (made below by name);
--   * ids of media and interactions are 24 hex characters whose first 8 are the start in epoch seconds; minted_at is
--     read off the id, never changes, and is the partition key (quarterly partitions);
--   * names that end in _at are timestamptz in UTC.

create extension if not exists pg_trgm;
create extension if not exists btree_gin;

create function current_tenant() returns uuid language sql stable
  as $$ select nullif(current_setting('earwitness.tenant', true), '')::uuid $$;

create function minted_at(id text) returns timestamptz language sql immutable strict
  as $$ select to_timestamp(('x' || lpad(substr(id, 1, 8), 16, '0'))::bit(64)::bigint::double precision) $$;

-- Tenants and their people -------------------------------------------------------------------------------------------

create table tenants (
  tenant_id        uuid primary key,
  slug             text not null constraint tenants_slug_unique unique constraint tenants_slug_form check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  display_name     text not null,
  m365_tenant_id   uuid constraint tenants_m365_tenant_id_unique unique,
  sandbox          boolean not null default false,
  keep_original    boolean not null default true,       -- keep the wire audio beside the compacted Opus
  public_key       bytea not null,                      -- X25519, data keys are sealed to it (HPKE)
  public_key_id    text not null,
  created_at       timestamptz not null default now()
);

create table people (
  tenant_id        uuid not null references tenants,
  person_id        uuid not null,
  upn              text not null,
  display_name     text not null,
  given_name       text,
  family_name      text,
  access_profile   text,                                -- null: recorded, may see nothing (CON-07)
  recorded         boolean not null default true,
  created_at       timestamptz not null default now(),
  deleted_at       timestamptz,
  constraint people_pkey primary key (tenant_id, person_id)
);

create unique index people_upn_unique on people (tenant_id, lower(upn)); -- a UPN is the same in any case

-- Addresses of record and numbers by which a person is recognized in call metadata, normalized.
create table person_addresses (
  tenant_id        uuid not null,
  address          text not null,
  person_id        uuid not null,
  constraint person_addresses_pkey primary key (tenant_id, address),
  constraint person_addresses_person_fkey foreign key (tenant_id, person_id) references people on delete cascade
);

create table trunks (
  tenant_id        uuid not null references tenants,
  trunk_id         uuid not null,
  name             text not null,
  source_networks  cidr[] not null,                     -- who may send; the most specific match over all tenants wins
  person_domains   text[] not null default '{}',        -- user@domain of these is looked up as a UPN
  record_all       boolean not null default false,      -- an unknown participant becomes an interaction as well
  enabled          boolean not null default true,
  created_at       timestamptz not null default now(),
  constraint trunks_pkey primary key (tenant_id, trunk_id),
  constraint trunks_name_unique unique (tenant_id, name)
);

-- Access -------------------------------------------------------------------------------------------------------------

create table api_keys (
  tenant_id        uuid not null references tenants,
  api_key_id       uuid not null,
  name             text not null,
  access_profile   text not null,
  secret_sha256    bytea not null,
  created_at       timestamptz not null default now(),
  last_used_at     timestamptz,
  revoked_at       timestamptz,
  constraint api_keys_pkey primary key (tenant_id, api_key_id)
);

create table portal_sessions (
  tenant_id        uuid not null references tenants,
  session_id       uuid not null,
  secret_sha256    bytea not null,
  person_id        uuid not null,
  created_at       timestamptz not null default now(),
  seen_at          timestamptz not null default now(),
  expires_at       timestamptz not null,
  ended_at         timestamptz,
  constraint portal_sessions_pkey primary key (tenant_id, session_id),
  constraint portal_sessions_person_fkey foreign key (tenant_id, person_id) references people on delete cascade
);

-- Nodes (not of a tenant) --------------------------------------------------------------------------------------------

create table nodes (
  node_id          text primary key,
  roles            text[] not null,
  version          text not null,
  started_at       timestamptz not null,
  seen_at          timestamptz not null,
  facts_applied    bigint not null default 0            -- last fact of this node's call journal that is in the database
);

-- Recordings ---------------------------------------------------------------------------------------------------------

create table media (
  tenant_id        uuid not null references tenants,
  minted_at        timestamptz not null,
  media_id         text not null,
  node_id          text not null,
  state            text not null constraint media_state_known check (state in ('recording', 'finalizing', 'available', 'failed', 'deleted')),
  started_at       timestamptz not null,                -- media time 0 of every track
  ended_at         timestamptz,
  duration_ms      integer,
  manifest_sha256  bytea,
  recovered        boolean not null default false,      -- finished by recovery, not by the process that recorded it
  end_reason       text,
  constraint media_pkey primary key (tenant_id, minted_at, media_id),
  constraint media_id_mints check (minted_at = minted_at(media_id))
) partition by range (minted_at);

create table media_tracks (
  tenant_id        uuid not null,
  minted_at        timestamptz not null,
  media_id         text not null,
  track            integer not null,
  label            text not null,
  participant_name text,
  participant_aor  text not null,
  source_track     integer not null,                    -- wire track of the recording; a transfer may put two speakers on one
  from_ms          integer not null,                    -- only [from_ms, to_ms) of the wire track is this speaker's
  to_ms            integer not null,
  codec            text not null default '',
  sample_rate      integer not null default 8000,
  offset_ms        integer not null default 0,
  duration_ms      integer not null default 0,
  speech           jsonb not null default '[]',
  gaps             jsonb not null default '[]',
  packets          bigint not null default 0,
  packets_lost     bigint not null default 0,
  constraint media_tracks_pkey primary key (tenant_id, minted_at, media_id, track),
  constraint media_tracks_media_fkey foreign key (tenant_id, minted_at, media_id) references media on delete cascade
) partition by range (minted_at);

-- Everything of a recording that lies in a store.
create table media_objects (
  tenant_id        uuid not null,
  minted_at        timestamptz not null,
  media_id         text not null,
  object_name      text not null,
  kind             text not null constraint media_objects_kind_known check (kind in ('piece', 'opus', 'peaks', 'manifest', 'metadata')),
  seq              integer not null,                    -- pieces: order; opus: track; manifest: revision
  key_id           text not null,
  size_bytes       bigint not null,
  sha256           bytea not null,                      -- of the stored bytes
  from_ms          integer,
  to_ms            integer,
  stored_at        timestamptz not null,
  constraint media_objects_pkey primary key (tenant_id, minted_at, media_id, object_name),
  constraint media_objects_media_fkey foreign key (tenant_id, minted_at, media_id) references media on delete cascade
) partition by range (minted_at);

-- What happened in the call, for the event lane: join, leave, hold, retrieve, transfer.
create table media_events (
  tenant_id        uuid not null,
  minted_at        timestamptz not null,
  media_id         text not null,
  seq              integer not null,
  at_ms            integer not null,
  kind             text not null,
  participant      text,
  body             text not null default '',
  constraint media_events_pkey primary key (tenant_id, minted_at, media_id, seq),
  constraint media_events_media_fkey foreign key (tenant_id, minted_at, media_id) references media on delete cascade
) partition by range (minted_at);

-- Interactions -------------------------------------------------------------------------------------------------------

create table interactions (
  tenant_id        uuid not null references tenants,
  minted_at        timestamptz not null,
  interaction_id   text not null,
  node_id          text not null,
  trunk_id         uuid,
  person_id        uuid,                                -- null: an unknown participant of a trunk that records all
  user_name        text not null,
  user_upn         text,
  user_address     text not null,
  media_status     text not null constraint interactions_media_status_known check (media_status in ('Recording', 'Pending', 'Available', 'Failed', 'Unavailable', 'Deleted')),
  started_at       timestamptz not null,
  answered_at      timestamptz,
  released_at      timestamptz,
  direction        text not null constraint interactions_direction_known check (direction in ('Incoming', 'Outgoing', 'None')),
  call_type        text not null,
  release_cause    text constraint interactions_release_cause_known check (release_cause in ('Normal', 'Failure', 'Missed', 'Abandoned', 'Transferred')),
  calling          jsonb,                               -- parties: {"name", "address", "upn"}
  called           jsonb,
  answering        jsonb,
  on_behalf_of     jsonb,
  transferred_by   jsonb,
  transferred_to   jsonb,
  participants     jsonb not null default '[]',
  sip_call_id      text not null,
  sys_call_id      text,
  chain_id         text,                                -- ties sessions of one conversation (SIPREC group)
  has_gaps         boolean not null default false,
  sandbox          boolean not null default false,
  decision         jsonb not null,
  party_text       text not null default '',            -- normalized numbers and names, each wrapped in U+001F, for contains-search
  updated_at       timestamptz not null default now(),
  constraint interactions_pkey primary key (tenant_id, minted_at, interaction_id),
  constraint interactions_id_mints check (minted_at = minted_at(interaction_id))
) partition by range (minted_at);

create index interactions_newest on interactions (tenant_id, started_at desc, interaction_id desc);
create index interactions_person_newest on interactions (tenant_id, person_id, started_at desc, interaction_id desc);
create index interactions_sip_call_id on interactions (tenant_id, sip_call_id);
create index interactions_party_text on interactions using gin (tenant_id, party_text gin_trgm_ops);

-- Which part of which recording belongs to an interaction.
create table interaction_media (
  tenant_id        uuid not null,
  minted_at        timestamptz not null,                -- of the interaction
  interaction_id   text not null,
  media_id         text not null,
  from_ms          integer not null,
  to_ms            integer,                             -- null while the person is still in the call
  constraint interaction_media_pkey primary key (tenant_id, minted_at, interaction_id, media_id),
  constraint interaction_media_interaction_fkey foreign key (tenant_id, minted_at, interaction_id) references interactions on delete cascade
) partition by range (minted_at);

create index interaction_media_media on interaction_media (tenant_id, media_id);

-- Evidence -----------------------------------------------------------------------------------------------------------

-- A log of what was done, by whom, when. Rows are only ever inserted; tree_index is given later by the sequencer.
create table evidence (
  tenant_id        uuid not null references tenants,
  recorded_at      timestamptz not null,                -- partition key
  evidence_id      uuid not null,
  occurred_at      timestamptz not null,
  node_id          text not null,
  actor_kind       text not null constraint evidence_actor_kind_known check (actor_kind in ('person', 'api_key', 'machine', 'job')),
  actor_id         text not null,
  actor_name       text not null,
  action           text not null,
  item             text not null,
  subject          text,                                -- id of the thing the act was done to
  remote_address   text,
  reason           text,
  detail           jsonb not null default '{}',
  tree_index       bigint,
  constraint evidence_pkey primary key (tenant_id, recorded_at, evidence_id)
) partition by range (recorded_at);

create index evidence_subject on evidence (tenant_id, subject, recorded_at);

-- One play, one row: media requests carry the play id (core decision 15).
create table plays (
  tenant_id        uuid not null references tenants,
  play_id          uuid not null,
  interaction_id   text not null,
  track            integer,                             -- null: mixed
  principal        text not null,                       -- person:<id> or api_key:<id>
  implicit         boolean not null,                    -- opened by a media request that carried no play id
  opened_at        timestamptz not null default now(),
  constraint plays_pkey primary key (tenant_id, play_id)
);

create index plays_recent on plays (tenant_id, principal, interaction_id, opened_at desc);
