import type { CallType, Direction, Gap, GivenPermission, InvitationReason, Level, MediaStatus, NumberRules, Party, PersonMatch, ReleaseCause, Role, UnknownParty, VerificationMeans, VerificationResult } from "@earwitness/contract";
import type { ColumnType, Generated, JSONColumnType } from "kysely";

/*
 * The tables as TypeScript sees them. Written by hand beside the migrations; schema.db.test.ts compares the two, column by
 * column. jsonb goes in as text (JSON.stringify), because the driver would turn a JavaScript array into a PostgreSQL array.
 */

type Bytes = ColumnType<Buffer, Uint8Array, Uint8Array>;
/** Has a default, and is never written again. */
type Stamp = ColumnType<Date, Date | undefined, never>;

export interface Database {
  tenants: TenantsTable;
  people: PeopleTable;
  person_addresses: PersonAddressesTable;
  person_extensions: PersonExtensionsTable;
  people_groups: PeopleGroupsTable;
  group_members: GroupMembersTable;
  managed_groups: ManagedGroupsTable;
  access_profiles: AccessProfilesTable;
  access_profile_groups: AccessProfileGroupsTable;
  access_profile_reach: AccessProfileGroupsTable;
  access_grants: AccessGrantsTable;
  directory_walks: DirectoryWalksTable;
  directory_people: DirectoryPeopleTable;
  person_identities: PersonIdentitiesTable;
  local_accounts: LocalAccountsTable;
  local_enrollments: LocalEnrollmentsTable;
  directory_connections: DirectoryConnectionsTable;
  directory_groups: DirectoryGroupsTable;
  directory_watches: DirectoryWatchesTable;
  directory_members: DirectoryMembersTable;
  directory_runs: DirectoryRunsTable;
  trunks: TrunksTable;
  trunk_invitations: TrunkInvitationsTable;
  api_keys: ApiKeysTable;
  portal_sessions: PortalSessionsTable;
  nodes: NodesTable;
  media: MediaTable;
  media_tracks: MediaTracksTable;
  media_objects: MediaObjectsTable;
  media_events: MediaEventsTable;
  interactions: InteractionsTable;
  interaction_media: InteractionMediaTable;
  evidence: EvidenceTable;
  logs: LogsTable;
  log_keys: LogKeysTable;
  log_tiles: LogTilesTable;
  checkpoints: CheckpointsTable;
  plays: PlaysTable;
  recent_acts: RecentActsTable;
  verifications: VerificationsTable;
}

export interface TenantsTable {
  tenant_id: string;
  slug: string;
  display_name: string;
  m365_tenant_id: string | null;
  sandbox: Generated<boolean>;
  keep_original: Generated<boolean>;
  public_key: Bytes;
  public_key_id: string;
  created_at: Stamp;
  session_idle_minutes: Generated<number>;
  session_whole_minutes: Generated<number>;
}

export interface PeopleTable {
  tenant_id: string;
  person_id: string;
  upn: string;
  display_name: string;
  given_name: string | null;
  family_name: string | null;
  role: Generated<Role>;
  recorded: Generated<boolean>;
  created_at: Stamp;
  deleted_at: Date | null;
  portal_access: Generated<boolean>;
  /** A day, such as 2026-12-31. */
  valid_till: string | null;
}

export interface DirectoryWalksTable {
  tenant_id: string;
  walk: "users" | `groups ${number}`;
  link: string | null;
  finished: boolean;
  everything: boolean;
  pass: number;
  begun_at: Date;
  counts: unknown;
}

export interface DirectoryPeopleTable {
  tenant_id: string;
  object_id: string;
  person_id: string;
  pass: number;
  removed_at: ColumnType<Date | null, Date | null | undefined, Date | null>;
  removed_with: ColumnType<unknown, string | null | undefined, string | null>;
}

export interface DirectoryConnectionsTable {
  tenant_id: string;
  client_id: string;
  secret_key_id: string;
  secret_sealed: Bytes;
  secret_set_at: Date;
  secret_expires_on: string | null;
  records_new: boolean;
  looked_at: Date | null;
}

export interface DirectoryGroupsTable {
  tenant_id: string;
  object_id: string;
  group_id: string;
  stale: Generated<boolean>;
  missing_since: Date | null;
}

export interface DirectoryWatchesTable {
  tenant_id: string;
  object_id: string;
  batch: number;
  pass: number;
  missing: boolean;
}

export interface DirectoryMembersTable {
  tenant_id: string;
  group_object_id: string;
  member_object_id: string;
  is_group: boolean;
  pass: number;
}

export interface DirectoryRunsTable {
  tenant_id: string;
  run_id: string;
  kind: "everything" | "changes";
  cause: "nightly" | "asked" | "watch";
  state: "waiting" | "running" | "done" | "failed";
  actor_kind: "person" | "api_key" | "machine" | "job";
  actor_id: string;
  actor_name: string;
  asked_at: Date;
  begun_at: Date | null;
  seen_at: Date | null;
  node_id: string | null;
  ended_at: Date | null;
  report: ColumnType<unknown, string | null | undefined, string | null>;
  error: string | null;
  repeated: Generated<number>;
}

export interface PersonIdentitiesTable {
  tenant_id: string;
  issuer: string;
  subject: string;
  person_id: string;
}

export interface LocalAccountsTable {
  tenant_id: string;
  person_id: string;
  password_hash: string;
  code_sealed: string;
  code_step: number;
  since: Date;
}

export interface LocalEnrollmentsTable {
  tenant_id: string;
  enrollment_id: string;
  person_id: string;
  secret_sha256: Bytes;
  expires_at: Date;
  by_operator: boolean;
}

export interface PersonAddressesTable {
  tenant_id: string;
  address: string;
  person_id: string;
}

export interface TrunksTable {
  tenant_id: string;
  trunk_id: string;
  name: string;
  source_networks: string[];
  person_domains: Generated<string[]>;
  unknown: Generated<"ignore" | "record">;
  enabled: Generated<boolean>;
  created_at: Stamp;
  transport: Generated<"any" | "tls">;
  media: Generated<"any" | "srtp">;
  certificates: Generated<string[]>;
  numbers: JsonWithDefault<NumberRules>;
  matching: JsonWithDefault<PersonMatch[]>;
  recording_user: string;
  digest_username: string | null;
  digest_realm: string | null;
  digest_ha1_md5: string | null;
  digest_ha1_sha256: string | null;
  digest_set_at: Date | null;
}

export interface TrunkInvitationsTable {
  tenant_id: string;
  invitation_id: string;
  trunk_id: string | null;
  at: Date;
  node_id: string;
  remote_address: string;
  transport: "udp" | "tcp" | "tls";
  sip_call_id: string;
  client: string | null;
  status: number;
  outcome: "recorded" | "ignored" | "refused";
  reason: InvitationReason;
  explanation: string;
  repeated: Generated<number>;
  recording_id: string | null;
  unknown_parties: JsonWithDefault<UnknownParty[]>;
  trace: ColumnType<Buffer | null, Uint8Array | null, Uint8Array | null>;
}

export interface PersonExtensionsTable {
  tenant_id: string;
  extension: string;
  person_id: string;
}

export interface PeopleGroupsTable {
  tenant_id: string;
  group_id: string;
  name: string;
  created_at: Stamp;
}

export interface GroupMembersTable {
  tenant_id: string;
  group_id: string;
  person_id: string;
}

export interface ManagedGroupsTable {
  tenant_id: string;
  person_id: string;
  group_id: string;
}

export interface AccessProfilesTable {
  tenant_id: string;
  access_profile_id: string;
  name: string;
  description: string;
  level: Level;
  permissions: GivenPermission[];
  created_at: Stamp;
}

/** Groups Mapping, and Select Groups. */
export interface AccessProfileGroupsTable {
  tenant_id: string;
  access_profile_id: string;
  group_id: string;
}

export interface AccessGrantsTable {
  tenant_id: string;
  access_grant_id: string;
  access_profile_id: string;
  person_id: string;
  reason: string;
  created_at: Stamp;
  valid_until: Date;
  ended_at: Date | null;
}

export interface ApiKeysTable {
  tenant_id: string;
  api_key_id: string;
  name: string;
  role: "Admin" | "API User";
  access_profile_id: string | null;
  secret_sha256: Bytes;
  created_at: Stamp;
  last_used_at: Date | null;
  revoked_at: Date | null;
}

export interface PortalSessionsTable {
  tenant_id: string;
  session_id: string;
  secret_sha256: Bytes;
  person_id: string;
  created_at: Stamp;
  seen_at: Generated<Date>;
  expires_at: Date;
  ended_at: Date | null;
  remote_address: string | null;
  user_agent: string | null;
  begun_by: Bytes | null;
}

export interface NodesTable {
  node_id: string;
  roles: string[];
  version: string;
  started_at: Date;
  seen_at: Date;
  facts_applied: Generated<number>;
}

export interface MediaTable {
  tenant_id: string;
  minted_at: Date;
  media_id: string;
  node_id: string;
  state: "recording" | "finalizing" | "available" | "failed" | "deleted";
  started_at: Date;
  ended_at: Date | null;
  duration_ms: number | null;
  manifest_sha256: ColumnType<Buffer | null, Uint8Array | null | undefined, Uint8Array | null>;
  recovered: Generated<boolean>;
  end_reason: string | null;
}

export interface MediaTracksTable {
  tenant_id: string;
  minted_at: Date;
  media_id: string;
  track: number;
  label: string;
  participant_name: string | null;
  participant_aor: string;
  source_track: number;
  from_ms: number;
  to_ms: number;
  codec: Generated<string>;
  sample_rate: Generated<number>;
  offset_ms: Generated<number>;
  duration_ms: Generated<number>;
  speech: JsonWithDefault<[fromMs: number, toMs: number][]>;
  gaps: JsonWithDefault<Gap[]>;
  packets: Generated<number>;
  packets_lost: Generated<number>;
}

export interface MediaObjectsTable {
  tenant_id: string;
  minted_at: Date;
  media_id: string;
  object_name: string;
  kind: "piece" | "opus" | "peaks" | "manifest" | "metadata";
  seq: number;
  key_id: string;
  size_bytes: number;
  sha256: Bytes;
  from_ms: number | null;
  to_ms: number | null;
  stored_at: Date;
}

export interface MediaEventsTable {
  tenant_id: string;
  minted_at: Date;
  media_id: string;
  seq: number;
  at_ms: number;
  kind: string;
  participant: string | null;
  body: Generated<string>;
}

export interface InteractionsTable {
  tenant_id: string;
  minted_at: Date;
  interaction_id: string;
  node_id: string;
  trunk_id: string | null;
  person_id: string | null;
  user_name: string;
  user_upn: string | null;
  user_address: string;
  media_status: MediaStatus;
  started_at: Date;
  answered_at: Date | null;
  released_at: Date | null;
  direction: Direction;
  call_type: CallType;
  release_cause: ReleaseCause | null;
  calling: PartyColumn;
  called: PartyColumn;
  answering: PartyColumn;
  on_behalf_of: PartyColumn;
  transferred_by: PartyColumn;
  transferred_to: PartyColumn;
  participants: JsonWithDefault<Party[]>;
  sip_call_id: string;
  sys_call_id: string | null;
  chain_id: string | null;
  has_gaps: Generated<boolean>;
  sandbox: Generated<boolean>;
  decision: JSONColumnType<{ record: boolean; reasons: string[]; ruleVersion: string }>;
  party_text: Generated<string>;
  updated_at: Generated<Date>;
}

export interface InteractionMediaTable {
  tenant_id: string;
  minted_at: Date;
  interaction_id: string;
  media_id: string;
  from_ms: number;
  to_ms: number | null;
}

export interface EvidenceTable {
  tenant_id: string;
  recorded_at: Date;
  evidence_id: string;
  occurred_at: Date;
  node_id: string;
  actor_kind: "person" | "api_key" | "machine" | "job";
  actor_id: string;
  actor_name: string;
  action: string;
  item: string;
  subject: string | null;
  remote_address: string | null;
  reason: string | null;
  detail: JsonWithDefault<Record<string, unknown>>;
  tree_index: number | null;
  salt: Generated<Uint8Array | null>;
  erased_by: string | null;
}

export interface LogsTable {
  tenant_id: string;
  origin: string;
  size: Generated<number>;
  root: Generated<Uint8Array>;
  head: string | null;
  signed_at: Date | null;
  created_at: Stamp;
}

export interface LogKeysTable {
  tenant_id: string;
  vkey: string;
  from_size: number;
  created_at: Stamp;
  retired_at: Date | null;
  handover: string | null;
}

export interface LogTilesTable {
  tenant_id: string;
  level: number;
  index: number;
  hashes: Bytes;
}

export interface CheckpointsTable {
  tenant_id: string;
  size: number;
  note: string;
  kept_at: Date;
  timestamp_token: ColumnType<Buffer | null, Uint8Array | null | undefined, Uint8Array | null>;
}

export interface PlaysTable {
  tenant_id: string;
  play_id: string;
  interaction_id: string;
  track: number | null;
  principal: string;
  implicit: boolean;
  opened_at: Stamp;
}

export interface RecentActsTable {
  tenant_id: string;
  principal: string;
  act: string;
  opened_at: Date;
}

export interface VerificationsTable {
  tenant_id: string;
  interaction_id: string;
  verified_at: Date;
  verification_id: string;
  actor_kind: string;
  actor_id: string;
  actor_name: string;
  means: VerificationMeans;
  result: VerificationResult;
  checked: ColumnType<string[], string, never>;
  differing: ColumnType<string[], string, never>;
  checkpoint_size: number | null;
  checkpoint_root: ColumnType<Buffer | null, Uint8Array | null, never>;
}

type JsonWithDefault<T> = ColumnType<T, string | undefined, string>;
type PartyColumn = ColumnType<Party | null, string | null | undefined, string | null>;
