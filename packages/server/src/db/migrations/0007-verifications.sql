-- Who held an interaction against its proof, when, with what, and what came of it. Each is an act and has its one row of evidence
-- (a check of the whole installation has one for all); what stands here is what lists and pages show without reading the trail. Only ever inserted.
create table verifications (
  tenant_id        uuid not null references tenants,
  interaction_id   text not null,
  verified_at      timestamptz not null,
  verification_id  uuid not null,
  actor_kind       text not null,
  actor_id         text not null,
  actor_name       text not null,
  means            text not null constraint verifications_means_known check (means in ('browser', 'export', 'fsck')),
  result           text not null constraint verifications_result_known check (result in ('holds', 'differs', 'incomplete')),
  checked          jsonb not null,                      -- sentences: what was looked at
  differing        jsonb not null,                      -- sentences: what does not hold
  checkpoint_size  bigint,                              -- the head that it was held against; null where there was none
  checkpoint_root  bytea,
  constraint verifications_pkey primary key (tenant_id, interaction_id, verified_at, verification_id), -- the latest of an interaction is read from its end
  constraint verifications_checkpoint_whole check (num_nulls(checkpoint_size, checkpoint_root) in (0, 2) and checkpoint_size >= 0 and octet_length(checkpoint_root) = 32),
  constraint verifications_differing_told check ((result = 'differs') = (jsonb_array_length(differing) > 0))
);

alter table verifications enable row level security;
alter table verifications force row level security;
create policy tenant_isolation on verifications to earwitness_app using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
grant select, insert on verifications to earwitness_app;
