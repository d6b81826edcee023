/**
 * The sound. One audio element fetches a WAV with one channel for each track; behind it every channel has its own gain, so
 * that speakers are switched and weighed without a new request and never drift apart:
 *
 *   audio → splitter ─┬─ gain (track 1) ─┐
 *                     ├─ gain (track 2) ─┼─ master → ears
 *                     └─ …              ─┘
 *
 * Nothing is fetched before the first play, because fetching is listening, and listening is written down.
 */
import type { Problem } from "@earwitness/contract";

export type Phase = "idle" | "starting" | "playing" | "paused" | "ended" | "failed";

export interface EngineState {
  readonly phase: Phase;
  /** True while the audio element waits for bytes. */
  readonly waiting: boolean;
  readonly speed: number;
  readonly volume: number;
  readonly muted: boolean;
  readonly problem: Problem | null;
}

export interface EngineOptions {
  /** Track numbers in the order of the channels. */
  readonly tracks: readonly number[];
  /** Where in the media the sound begins that is position 0… */
  readonly mediaFromMs: number;
  /** …and the position where it ends. The media may go on: it is the whole recording's, silent outside of one person's part. */
  readonly toMs: number;
  readonly volume: number;
  readonly muted: boolean;
  /** Writes the play down and answers the address of its media. */
  readonly open: () => Promise<string>;
  /** An audio element only says that it failed; this asks the server why. */
  readonly explain: (error: unknown, address: string | null) => Promise<Problem>;
}

export interface Engine {
  state(): EngineState;
  subscribe(listener: () => void): () => void;
  positionMs(): number;
  /** Builds what the first sound goes through, without asking for any: the hand is on its way to the button. */
  prepare(): void;
  toggle(): void;
  play(): void;
  pause(): void;
  seek(toMs: number): void;
  setSpeed(speed: number): void;
  setVolume(volume: number): void;
  setMuted(muted: boolean): void;
  /** 0…1 for each track; takes effect within a few milliseconds, without a click. */
  setLevel(track: number, level: number): void;
  close(): void;
}

/** Time constant of a change of gain: short enough to feel at once, long enough not to click. */
const glideSeconds = 0.012;

export function createEngine(options: EngineOptions): Engine {
  const audio = new Audio();
  audio.preservesPitch = true;
  audio.preload = "auto";
  // Without controls it takes no room; in the document, the browser's media keys and its inspector know it.
  document.body.append(audio);
  const levels = new Map<number, number>();
  const gains = new Map<number, GainNode>();
  const listeners = new Set<() => void>();
  let context: AudioContext | null = null;
  let master: GainNode | null = null;
  let address: string | null = null;
  let closed = false;
  /** Wanted position while there is no media to have one. */
  let wantedMs = 0;
  let current: EngineState = { phase: "idle", waiting: false, speed: 1, volume: options.volume, muted: options.muted, problem: null };

  const become = (change: Partial<EngineState>) => {
    if (closed) return;
    current = { ...current, ...change };
    for (const listener of listeners) listener();
  };

  const ready = () => address !== null && audio.readyState >= HTMLMediaElement.HAVE_METADATA;
  // Before the jump to the part's beginning has been made, the element is still before it.
  const positionMs = () => (ready() ? Math.max(0, Math.min(options.toMs, audio.currentTime * 1000 - options.mediaFromMs)) : wantedMs);
  const moveTo = (toMs: number) => {
    audio.currentTime = (options.mediaFromMs + toMs) / 1000;
  };

  function connect(): AudioContext {
    const made = new AudioContext({ latencyHint: "interactive" });
    const source = made.createMediaElementSource(audio);
    const splitter = made.createChannelSplitter(Math.max(1, options.tracks.length));
    master = made.createGain();
    master.gain.value = loudness();
    source.connect(splitter);
    const output = master;
    options.tracks.forEach((track, channel) => {
      const gain = made.createGain();
      gain.gain.value = levels.get(track) ?? 1;
      splitter.connect(gain, channel);
      gain.connect(output);
      gains.set(track, gain);
    });
    output.connect(made.destination);
    return made;
  }

  async function fail(error: unknown): Promise<void> {
    wantedMs = positionMs();
    const failedAddress = address;
    address = null;
    audio.removeAttribute("src");
    audio.load();
    become({ phase: "failed", waiting: false, problem: await options.explain(error, failedAddress) });
  }

  async function start(): Promise<void> {
    // Inside the click that asked for sound, or the browser keeps the context silent.
    context ??= connect();
    const resumed = context.resume();
    if (current.phase === "ended") seek(0);
    try {
      if (address === null) {
        become({ phase: "starting", waiting: true, problem: null });
        const opened = await options.open();
        // Paused or left while the server wrote the play down.
        if (closed) return;
        address = opened;
        audio.src = address;
        audio.playbackRate = current.speed;
        audio.defaultPlaybackRate = current.speed;
        if (!stillWanted()) return;
      }
      await resumed;
      await audio.play();
    } catch (error) {
      // Pausing before the first sample is no failure.
      if (!(error instanceof DOMException && error.name === "AbortError")) await fail(error);
    }
  }
  const stillWanted = () => current.phase === "starting" || current.phase === "playing";

  function seek(toMs: number): void {
    const bounded = Math.max(0, Math.min(toMs, options.toMs));
    wantedMs = bounded;
    if (ready()) moveTo(bounded);
    // After the end a seek goes back among the living, but stays silent.
    if (current.phase === "ended" && bounded < options.toMs) become({ phase: "paused" });
    else become({});
  }

  audio.onloadedmetadata = () => {
    // A seek, even to where one is, costs another request and 50 ms of silence.
    if (options.mediaFromMs + wantedMs > 0) moveTo(wantedMs);
  };
  audio.onplaying = () => become({ phase: "playing", waiting: false });
  audio.onwaiting = () => become({ waiting: true });
  audio.onpause = () => {
    if (!audio.ended && current.phase !== "failed" && current.phase !== "ended") become({ phase: "paused", waiting: false });
  };
  const end = () => become({ phase: "ended", waiting: false });
  audio.onended = end;
  audio.ontimeupdate = () => {
    if (current.phase !== "playing" || positionMs() < options.toMs) return;
    end();
    audio.pause();
  };
  audio.onerror = () => {
    if (address !== null) void fail(audio.error);
  };

  const loudness = () => (current.muted ? 0 : current.volume ** 2);
  // Not the element's own volume: browsers differ in whether that reaches the graph behind it.
  const applyVolume = () => {
    if (context) master?.gain.setTargetAtTime(loudness(), context.currentTime, glideSeconds);
  };

  const pause = () => {
    if (address === null && current.phase === "starting") become({ phase: "paused", waiting: false });
    audio.pause();
  };
  const play = () => void start();

  return {
    state: () => current,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    positionMs,
    prepare() {
      context ??= connect();
    },
    play,
    pause,
    toggle: () => (stillWanted() ? pause() : play()),
    seek,
    setSpeed(speed) {
      audio.playbackRate = speed;
      audio.defaultPlaybackRate = speed;
      become({ speed });
    },
    setVolume(volume) {
      become({ volume, muted: false });
      applyVolume();
    },
    setMuted(muted) {
      become({ muted });
      applyVolume();
    },
    setLevel(track, level) {
      levels.set(track, level);
      const gain = gains.get(track);
      if (gain && context) gain.gain.setTargetAtTime(level, context.currentTime, glideSeconds);
    },
    close() {
      closed = true;
      listeners.clear();
      address = null;
      audio.pause();
      audio.removeAttribute("src");
      audio.load();
      audio.remove();
      void context?.close();
    },
  };
}
