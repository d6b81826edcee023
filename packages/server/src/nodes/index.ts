export { createHeartbeat, type Heartbeat, type HeartbeatOptions } from "./heartbeat.ts";
export { listNodes, type KnownNode } from "./list-nodes.ts";
export { loadNodeIdentity, type NodeIdentity } from "./identity.ts";
export { snapshotOf } from "./provisioned-snapshot.ts";
export { createSnapshotKeeper, type SnapshotKeeper, type SnapshotKeeperOptions, type SnapshotState } from "./snapshot-keeper.ts";
export type { Snapshot, SnapshotPerson, SnapshotTenant, SnapshotTrunk } from "./snapshot.ts";
