-- Looking at the same thing again within a quarter of an hour is one act and one evidence row (evidence/append-once.ts,
-- docs/decisions/0014). Rows are few and short-lived: each act of a principal clears away what is over of its own.
create table recent_acts (
  tenant_id        uuid not null references tenants,
  principal        text not null,                       -- person:<id> or api_key:<id>
  act              text not null,                       -- digest of action, item, subject and detail
  opened_at        timestamptz not null,
  constraint recent_acts_pkey primary key (tenant_id, principal, act)
);

alter table recent_acts enable row level security;
alter table recent_acts force row level security;
create policy tenant_isolation on recent_acts to earwitness_app using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
grant select, insert, update, delete on recent_acts to earwitness_app;

-- The audit trail is read newest first, by the primary key. What the recorder writes down by itself is many times what
-- people and their programs do, and seldom asked for: what they do has an index of its own, which a recorded call never
-- touches.
create index evidence_by_somebody on evidence (tenant_id, recorded_at, evidence_id) where actor_kind in ('person', 'api_key');
