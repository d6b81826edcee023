import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { InteractionId, Peaks, Play, PlayRequest } from "@earwitness/contract";
import { createQuota, originOf, principalKey, principalOf, type PortalApp } from "#access";
import type { Clock } from "#clock";
import { withTenant, type Db, type TenantTransaction } from "#db";
import { Refusal } from "#errors";
import { append, appendOnce } from "#evidence";
import { callName, findPart, findRow, noSuchInteraction, viewOf, type InteractionRow } from "#interactions";
import type { Vault } from "#vault";
import { everyone, entityTag, oneSpeaker, sampleRateOf, type Layout } from "./file.ts";
import { isBroken, refusalOf } from "./integrity.ts";
import { cutPeaks } from "./peaks.ts";
import { findPlayable, readObjects, type ObjectRow, type Playable } from "./playable.ts";
import { checkPlay, ensureImplicitPlay, openPlay, type PlayFacts } from "./plays.ts";
import { matchesAny, parseRange, rangeStillMeansTheSame, type ByteSpan } from "./range.ts";
import { formatOf, renderWav } from "./render.ts";
import { openSound, type OpenReader } from "./sound.ts";
import { wavSizeBytes } from "./wav.ts";

export interface PlaybackRoutesOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly vault: Vault;
  readonly openReader: OpenReader;
}

/** A file ready to be sent in any part. `open` reads nothing before its first slice is asked for. */
interface ServedFile {
  readonly contentType: string;
  readonly name: string;
  readonly etag: string;
  readonly sizeBytes: number;
  open(span: ByteSpan): AsyncGenerator<Uint8Array>;
}

const tags = ["playback"];
const listen = { permission: "recording.listen" } as const;
const prove = { permission: "evidence.read" } as const;
const params = Type.Object({ id: InteractionId });
const trackParams = Type.Object({ id: InteractionId, track: Type.Integer({ minimum: 1, maximum: 10_000, description: "Number of the track, as in the interaction's `tracks`." }) });
const play = Type.Optional(Type.String({ format: "uuid", description: "`playId` of the play this belongs to; without it, one play is noted for every caller, track and 15 minutes." }));
const slice = 64 * 1024;
/** Of one caller at once: sound is decrypted and mixed by the thread that also answers calls. */
const mostDownloads = 32;

export function playbackRoutes({ db, clock, nodeId, vault, openReader }: PlaybackRoutesOptions) {
  const playFacts = (request: FastifyRequest, call: InteractionRow, track: number | null, now: Date): PlayFacts => ({
    principal: principalOf(request),
    call,
    track,
    nodeId,
    remoteAddress: request.ip,
    now,
  });

  const downloads = createQuota(mostDownloads);

  /** Rights, state, range and evidence in one transaction; then the bytes. */
  async function serve(
    request: FastifyRequest,
    reply: FastifyReply,
    { id, track, playId }: { id: string; track: number | null; playId: string | undefined },
    prepare: (tx: TenantTransaction, playable: Playable) => Promise<ServedFile>,
  ): Promise<FastifyReply> {
    const principal = principalOf(request);
    const now = clock.now();
    const giveBack = downloads.take(principalKey(principal));
    if (giveBack === null) throw new Refusal("TOO_MANY_DOWNLOADS", 429, `You are downloading ${mostDownloads} recordings already.`);
    reply.raw.once("close", giveBack);
    const { file, range, call } = await withTenant(db, principal.tenantId, async (tx) => {
      const playable = await findPlayable(tx, principal, id, now);
      const facts = playFacts(request, playable.row, track, now);
      const prepared = await prepare(tx, playable);
      const { range: wanted, "if-range": ifRange } = request.headers;
      const isForRange = request.method === "GET" && rangeStillMeansTheSame(ifRange as string | undefined, prepared.etag); // a HEAD has no ranges
      const parsed = parseRange(isForRange ? wanted : undefined, prepared.sizeBytes);
      if (playId !== undefined) await checkPlay(tx, facts, playId);
      // A HEAD and a range that does not exist let nobody hear anything.
      else if (request.method === "GET" && parsed.kind !== "unsatisfiable") await ensureImplicitPlay(tx, facts);
      return { file: prepared, range: parsed, call: playable.row };
    });

    reply.header("accept-ranges", "bytes").header("etag", file.etag);
    if (matchesAny(request.headers["if-none-match"], file.etag)) return reply.code(304).send();
    if (range.kind === "unsatisfiable") {
      reply.header("content-range", `bytes */${file.sizeBytes}`);
      throw new Refusal("RANGE_NOT_SATISFIABLE", 416, `The file has ${file.sizeBytes} bytes.`);
    }
    const span = range.kind === "part" ? range.span : { from: 0, to: file.sizeBytes };
    if (range.kind === "part") reply.code(206).header("content-range", `bytes ${span.from}-${span.to - 1}/${file.sizeBytes}`);
    reply.type(file.contentType).header("content-length", String(span.to - span.from)).header("content-disposition", `inline; filename="${file.name}"`);
    if (request.method === "HEAD") return reply.send();

    const broken = (error: unknown) => noteBroken(request, call, error);
    return reply.send(Readable.from(await primed(file.open(span), broken), { objectMode: false, highWaterMark: slice }));
  }

  /** What cannot be opened as it was sealed is said in the log and in the evidence. */
  async function noteBroken(request: FastifyRequest, call: InteractionRow, error: unknown): Promise<void> {
    if (!isBroken(error)) return;
    const interactionId = call.interaction_id;
    request.log.error({ err: error, interactionId }, "a recording does not match its seal");
    await withTenant(db, call.tenant_id, (tx) =>
      append(tx, { ...originOf(request, { clock, nodeId }), action: "Integrity Failure", item: "Call", subject: interactionId, detail: { ...callName(call), error: error.message } }),
    );
  }

  async function wavFile(tx: TenantTransaction, playable: Playable, track: number | null, layout: Layout): Promise<ServedFile> {
    const row = track === null ? null : trackOf(playable, track);
    const rendering = row === null ? everyone(playable, layout) : oneSpeaker(playable, row);
    const sampleRate = sampleRateOf(playable.tracks);
    const { media_id: mediaId } = playable.part.media;
    const objects = [...(await readObjects(tx, mediaId, "piece")), ...(await readObjects(tx, mediaId, "opus"))];
    return {
      contentType: "audio/wav",
      name: `${playable.row.interaction_id}${track === null ? (layout === "channels" ? "-channels" : "") : `-${track}`}.wav`,
      etag: entityTag(playable, rendering, objects),
      sizeBytes: wavSizeBytes(formatOf({ sampleRate }, rendering)),
      async *open(span) {
        const sound = await openSound(openReader, vault, playable, objects);
        try {
          yield* renderWav(sound, rendering, span);
        } finally {
          await sound.close();
        }
      },
    };
  }

  async function oggFile(tx: TenantTransaction, playable: Playable, track: number): Promise<ServedFile> {
    const row = trackOf(playable, track);
    const { part, tracks } = playable;
    // Compacted is the whole of a wire track; who may hear only a stretch of it gets that as WAV.
    const isAllTheirs = tracks.every((other) => other === row || other.source_track !== row.source_track) && part.fromMs <= row.offset_ms && row.offset_ms + row.duration_ms <= part.toMs;
    if (!isAllTheirs) throw new Refusal("NOT_OFFERED", 409, "Opus is offered only where the whole of a stream is this speaker's, within this person's part of the recording; it can be had as WAV.");
    const object = (await readObjects(tx, part.media.media_id, "opus")).find((candidate) => candidate.seq === row.source_track);
    if (object === undefined) throw new Refusal("NOT_COMPACTED", 409, "This recording has not been compacted to Opus yet; it can be had as WAV.");
    const sizeBytes = await vault.sealedSize(object.object_name);
    return {
      contentType: "audio/ogg",
      name: `${playable.row.interaction_id}-${track}.ogg`,
      etag: `"${object.sha256.toString("base64url").slice(0, 32)}"`,
      sizeBytes,
      async *open(span) {
        for (let at = span.from; at < span.to; at += slice) yield await readObject(object, at, Math.min(slice, span.to - at));
      },
    };
  }

  const readObject = (object: ObjectRow, offset: number, length: number) => vault.readSealed(object.object_name, object.tenant_id, object.key_id, offset, length);

  /** The whole of a small sealed object of an interaction's recording. */
  async function readWhole(request: FastifyRequest, find: (tx: TenantTransaction) => Promise<{ call: InteractionRow; object: ObjectRow | undefined }>): Promise<Uint8Array> {
    const { call, object } = await withTenant(db, principalOf(request).tenantId, find);
    if (object === undefined) throw new Refusal("NOT_FOUND", 404, "This interaction has none.");
    try {
      return await readObject(object, 0, await vault.sealedSize(object.object_name));
    } catch (error) {
      await noteBroken(request, call, error);
      throw refusalOf(error);
    }
  }

  return (app: PortalApp): void => {
    app.post(
      "/api/v1/interactions/:id/plays",
      {
        config: { access: listen },
        schema: {
          summary: "Begin to listen",
          description: "Notes in the evidence that the caller plays this recording, and answers the id that the media requests carry.",
          tags,
          params,
          body: PlayRequest,
          response: { 201: Play },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        const track = request.body.track ?? null;
        const principal = principalOf(request);
        const now = clock.now();
        const playId = await withTenant(db, principal.tenantId, async (tx) => {
          const playable = await findPlayable(tx, principal, id, now);
          if (track !== null) trackOf(playable, track);
          return await openPlay(tx, playFacts(request, playable.row, track, now), false);
        });
        return await reply.code(201).send({ playId });
      },
    );

    app.route({
      method: ["GET", "HEAD"],
      url: "/api/v1/interactions/:id/media",
      config: { access: listen, produces: ["audio/wav"] },
      schema: {
        summary: "All speakers",
        description:
          "A WAV file (PCM, 16 bit) of the recording from its start, rendered as it is read; ranges are served. `layout=mixed` is one channel, `layout=channels` one for each track, in their order. Silent outside of the person's part of the recording.",
        tags,
        params,
        querystring: Type.Object({ play, layout: Type.Optional(Type.Enum(["mixed", "channels"], { default: "mixed", description: "One channel for all, or one for each speaker." })) }),
      },
      handler: async (request, reply) =>
        await serve(request, reply, { id: request.params.id, track: null, playId: request.query.play }, async (tx, playable) => await wavFile(tx, playable, null, request.query.layout ?? "mixed")),
    });

    app.route({
      method: ["GET", "HEAD"],
      url: "/api/v1/interactions/:id/media/:track",
      config: { access: listen, produces: ["audio/wav", "audio/ogg"] },
      schema: {
        summary: "One speaker",
        description: "From the track's first sample, which lies `offsetMs` after the start of the recording, to its last. `format=ogg` is Opus, where the recording has been compacted already.",
        tags,
        params: trackParams,
        querystring: Type.Object({ play, format: Type.Optional(Type.Enum(["wav", "ogg"], { default: "wav", description: "WAV is rendered from what was recorded." })) }),
      },
      handler: async (request, reply) => {
        const { id, track } = request.params;
        return await serve(request, reply, { id, track, playId: request.query.play }, async (tx, playable) =>
          request.query.format === "ogg" ? await oggFile(tx, playable, track) : await wavFile(tx, playable, track, "mixed"),
        );
      },
    });

    app.get(
      "/api/v1/interactions/:id/peaks",
      {
        config: { access: listen },
        schema: { summary: "Loudness for drawing", description: "Of each track from its `offsetMs`; zero outside of the person's part.", tags, params, response: { 200: Peaks } },
      },
      async (request) => {
        const { id } = request.params;
        const principal = principalOf(request);
        let playable: Playable | null = null;
        const bytes = await readWhole(request, async (tx) => {
          playable = await findPlayable(tx, principal, id, clock.now());
          await appendOnce(tx, viewOf(playable.row, originOf(request, { clock, nodeId })));
          return { call: playable.row, object: (await readObjects(tx, playable.part.media.media_id, "peaks")).at(-1) };
        });
        return cutPeaks(JSON.parse(Buffer.from(bytes).toString("utf8")), playable!);
      },
    );

    app.get(
      "/api/v1/interactions/:id/manifest",
      {
        config: { access: prove, produces: ["application/json"] },
        schema: { summary: "Manifest of the recording", description: "Byte for byte as it was sealed. Revision 1 says what was recorded: tracks, digests, gaps, people and the decision to record; its SHA-256 is the interaction's `manifestSha256`. Revision 2, where there is one, says what was derived from it, and how.", tags, params, querystring: Type.Object({ revision: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 1, description: "Revision of the manifest." })) }) },
      },
      async (request, reply) => {
        const { id } = request.params;
        const principal = principalOf(request);
        const bytes = await readWhole(request, async (tx) => {
          const call = await findRow(tx, principal, id);
          if (call === null) throw noSuchInteraction();
          const part = await findPart(tx, id, clock.now());
          const object = part === null ? undefined : (await readObjects(tx, part.media.media_id, "manifest")).find((one) => one.seq === (request.query.revision ?? 1));
          if (object !== undefined) await appendOnce(tx, viewOf(call, originOf(request, { clock, nodeId }), "manifest"));
          return { call, object };
        });
        return await reply.type("application/json").send(Buffer.from(bytes));
      },
    );
  };
}

function trackOf(playable: Playable, track: number) {
  const row = playable.tracks.find((candidate) => candidate.track === track);
  if (row === undefined) throw new Refusal("NOT_FOUND", 404, `The recording has no track ${track}.`);
  return row;
}

/**
 * Takes the first sound out of the generator before anything is answered, so that what cannot be opened is an error and not
 * the beginning of a file. Later faults cut the answer off, shorter than it promised to be.
 */
async function primed(slices: AsyncGenerator<Uint8Array>, broken: (error: unknown) => Promise<void>): Promise<AsyncGenerator<Uint8Array>> {
  const first: Uint8Array[] = [];
  try {
    // The header alone is no sound.
    for (let taken = 0; taken < 2; taken++) {
      const next = await slices.next();
      if (next.done === true) break;
      first.push(next.value);
    }
  } catch (error) {
    await broken(error);
    throw refusalOf(error);
  }
  return (async function* () {
    try {
      yield* first;
      yield* slices;
    } catch (error) {
      await broken(error);
      throw error;
    } finally {
      await slices.return(undefined);
    }
  })();
}
