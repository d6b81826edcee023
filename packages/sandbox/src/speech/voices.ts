/** What makes one person sound unlike another. */
export interface Voice {
  /** Middle of the speaking pitch. */
  readonly pitchHz: number;
  /** How far accents move the pitch, 1 = ordinary. */
  readonly liveliness: number;
  /** Vocal tract against that of the table's man: formants are multiplied by it (women about 1.15). */
  readonly formantScale: number;
  /** Speaking rate, 1 = ordinary; greater is faster. */
  readonly rate: number;
  /** Aspiration noise mixed into voicing, 0 to 1. */
  readonly breath: number;
  /** Loss of the voice source at 3 kHz in dB; much sounds soft, little sounds pressed. */
  readonly tiltDb: number;
  /** Part of each glottal period that is open. */
  readonly openQuotient: number;
}

const voice = (pitchHz: number, formantScale: number, rate: number, liveliness: number, breath: number, tiltDb: number, openQuotient: number): Voice => ({
  pitchHz, formantScale, rate, liveliness, breath, tiltDb, openQuotient,
});

/** Every voice differs from every other in pitch and in vocal tract, so that a listener can tell two speakers apart. */
export const voices = {
  basil: voice(112, 1.0, 1.0, 1.0, 0.1, 6, 0.55),
  clara: voice(205, 1.16, 1.03, 1.2, 0.22, 9, 0.62),
  dorian: voice(128, 1.03, 1.06, 1.1, 0.12, 6, 0.55),
  emil: voice(104, 0.97, 1.08, 1.15, 0.1, 5, 0.5),
  felix: voice(140, 1.06, 0.98, 0.9, 0.14, 8, 0.58),
  greta: voice(182, 1.13, 0.98, 1.0, 0.18, 8, 0.6),
  hugo: voice(96, 0.95, 0.96, 0.9, 0.12, 7, 0.55),
  iris: voice(218, 1.18, 1.1, 1.1, 0.16, 8, 0.6),
  juna: voice(193, 1.15, 1.0, 1.3, 0.25, 10, 0.64),
  kira: voice(230, 1.2, 1.05, 1.0, 0.2, 9, 0.62),
  lena: voice(188, 1.11, 1.02, 1.1, 0.14, 6, 0.56),
  milo: voice(118, 1.01, 0.94, 0.8, 0.08, 5, 0.5),
  nico: voice(134, 1.05, 1.1, 1.2, 0.1, 6, 0.54),
  opal: voice(174, 1.12, 0.92, 0.9, 0.28, 11, 0.66),
  piet: voice(108, 0.98, 1.04, 0.9, 0.16, 8, 0.58),
  rhea: voice(212, 1.17, 0.97, 1.2, 0.2, 9, 0.62),
  sela: voice(198, 1.14, 1.07, 1.3, 0.16, 7, 0.58),
  theo: voice(90, 0.94, 0.93, 0.8, 0.1, 6, 0.52),
  udo: voice(122, 1.02, 1.02, 1.0, 0.2, 9, 0.6),
  vera: voice(200, 1.15, 0.95, 0.7, 0.1, 5, 0.54),
} as const satisfies Record<string, Voice>;

export type VoiceName = keyof typeof voices;

export const voiceNames = Object.keys(voices) as readonly VoiceName[];
