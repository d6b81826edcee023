/**
 * The sounds of American English as a formant synthesizer needs them, by their names in the CMU dictionary.
 * Formants, bandwidths and durations start from the values published by Klatt (1980; 1976 for durations) for an adult man;
 * frication is stated as what a telephone lets through, because nothing above 3.4 kHz reaches the far end.
 */

export type Manner = "vowel" | "glide" | "liquid" | "nasal" | "fricative" | "stop" | "affricate" | "aspirate" | "flap" | "silence";

/** Noise made at a constriction: two resonances and an unfiltered part, levels in dB against a vowel's voicing. */
export interface Frication {
  readonly levelDb: number;
  readonly centersHz: readonly [number, number];
  readonly widthsHz: readonly [number, number];
  /** Of the second resonance and of the unfiltered part, against the first. */
  readonly secondDb: number;
  readonly flatDb: number;
}

/** Where a consonant pulls the formants of its neighbor: boundary = locus · (1 − share) + neighbor · share. */
export interface Locus {
  readonly hz: readonly [number, number, number];
  readonly share: readonly [number, number, number];
  /** How long the pull lasts inside the neighbor and inside the consonant itself. */
  readonly outsideMs: number;
  readonly insideMs: number;
}

export interface Phoneme {
  readonly name: string;
  readonly manner: Manner;
  readonly voiced: boolean;
  /** The neighbor with the higher rank shapes a boundary. */
  readonly rank: number;
  readonly startHz: readonly [number, number, number];
  /** Unlike `startHz` in diphthongs. */
  readonly endHz: readonly [number, number, number];
  readonly widthsHz: readonly [number, number, number];
  readonly voicingDb: number;
  readonly durationMs: number;
  readonly shortestMs: number;
  readonly locus: Locus | null;
  readonly frication: Frication | null;
}

type Three = readonly [number, number, number];

const table = new Map<string, Phoneme>();

function vowel(name: string, durationMs: number, shortestMs: number, startHz: Three, widthsHz: Three, endHz: Three = startHz, voicingDb = 60): void {
  table.set(name, { name, manner: "vowel", voiced: true, rank: 1, startHz, endHz, widthsHz, voicingDb, durationMs, shortestMs, locus: null, frication: null });
}

function consonant(
  name: string,
  manner: Manner,
  voiced: boolean,
  timing: readonly [durationMs: number, shortestMs: number],
  hz: Three,
  widthsHz: Three,
  voicingDb: number,
  locus: Locus | null,
  frication: Frication | null = null,
): void {
  const rank = { vowel: 1, aspirate: 0, silence: 0, glide: 4, liquid: 3, nasal: 6, fricative: 5, stop: 8, affricate: 8, flap: 7 }[manner];
  table.set(name, { name, manner, voiced, rank, startHz: hz, endHz: hz, widthsHz, voicingDb, durationMs: timing[0], shortestMs: timing[1], locus, frication });
}

const noise = (levelDb: number, c1: number, w1: number, c2: number, w2: number, secondDb: number, flatDb: number): Frication => ({
  levelDb, centersHz: [c1, c2], widthsHz: [w1, w2], secondDb, flatDb,
});

const pull = (hz: Three, share: Three, outsideMs: number, insideMs: number): Locus => ({ hz, share, outsideMs, insideMs });

vowel("IY", 155, 55, [310, 2070, 2960], [50, 140, 260], [285, 2150, 3000]);
vowel("IH", 135, 45, [410, 1850, 2570], [50, 100, 160], [460, 1700, 2580]);
vowel("EY", 190, 75, [480, 1760, 2520], [60, 100, 180], [330, 2080, 2620]);
vowel("EH", 150, 70, [540, 1700, 2500], [60, 90, 180], [600, 1600, 2520]);
vowel("AE", 220, 80, [640, 1680, 2430], [70, 120, 220], [670, 1560, 2450]);
vowel("AA", 230, 95, [710, 1180, 2600], [100, 80, 160]);
vowel("AO", 230, 95, [600, 950, 2570], [90, 90, 110], [620, 1000, 2580]);
vowel("AH", 140, 60, [630, 1220, 2550], [80, 70, 140]);
vowel("OW", 210, 80, [530, 1050, 2320], [75, 70, 90], [420, 860, 2300]);
vowel("UH", 160, 60, [450, 1120, 2350], [75, 90, 100], [480, 1180, 2380]);
vowel("UW", 200, 70, [340, 1150, 2220], [65, 100, 130], [310, 900, 2200]);
vowel("ER", 180, 80, [480, 1280, 1600], [80, 80, 110], [450, 1310, 1580]);
vowel("AY", 240, 120, [680, 1200, 2550], [90, 80, 180], [390, 1950, 2540]);
vowel("AW", 250, 110, [680, 1260, 2550], [80, 80, 140], [420, 920, 2350]);
vowel("OY", 270, 130, [540, 920, 2400], [75, 60, 130], [360, 1880, 2480]);
// Reduced vowels, which the dictionary writes as AH0 and IH0.
vowel("AX", 95, 45, [500, 1400, 2520], [75, 80, 140], [500, 1400, 2520], 57);
vowel("IX", 95, 45, [420, 1750, 2560], [60, 100, 150], [430, 1720, 2560], 57);
vowel("AXR", 130, 60, [470, 1300, 1620], [80, 80, 110], [460, 1310, 1600], 57);

consonant("Y", "glide", true, [75, 40], [265, 2100, 3000], [45, 180, 300], 55, pull([265, 2100, 3000], [0.25, 0.25, 0.25], 75, 30));
consonant("W", "glide", true, [75, 50], [290, 640, 2200], [50, 80, 90], 56, pull([290, 640, 2200], [0.25, 0.25, 0.25], 75, 30));
consonant("R", "liquid", true, [75, 35], [320, 1090, 1420], [70, 100, 120], 56, pull([320, 1090, 1420], [0.3, 0.3, 0.3], 70, 30));
consonant("L", "liquid", true, [75, 40], [320, 1000, 2850], [55, 100, 250], 55, pull([320, 1000, 2850], [0.3, 0.3, 0.3], 50, 25));

consonant("M", "nasal", true, [72, 55], [300, 1150, 2150], [60, 200, 220], 53, pull([280, 950, 2150], [0.45, 0.45, 0.5], 45, 10));
consonant("N", "nasal", true, [62, 50], [300, 1500, 2500], [60, 250, 280], 53, pull([280, 1700, 2620], [0.45, 0.4, 0.4], 45, 10));
consonant("NG", "nasal", true, [85, 60], [300, 1950, 2550], [60, 250, 280], 53, pull([280, 2250, 2350], [0.45, 0.55, 0.35], 55, 10));

consonant("F", "fricative", false, [100, 75], [340, 1100, 2080], [160, 120, 150], 0, pull([320, 1050, 2080], [0.55, 0.5, 0.5], 45, 25), noise(-23, 1400, 1500, 3000, 1400, 2, -5));
consonant("V", "fricative", true, [60, 45], [260, 1100, 2080], [70, 110, 130], 50, pull([260, 1050, 2080], [0.5, 0.5, 0.5], 45, 20), noise(-30, 1400, 1500, 3000, 1400, 2, -5));
consonant("TH", "fricative", false, [95, 65], [320, 1290, 2540], [160, 100, 180], 0, pull([320, 1320, 2540], [0.55, 0.5, 0.5], 45, 25), noise(-25, 1700, 900, 3200, 900, 4, -6));
consonant("DH", "fricative", true, [50, 35], [270, 1290, 2540], [70, 90, 170], 51, pull([270, 1320, 2540], [0.5, 0.5, 0.5], 40, 20), noise(-33, 1700, 900, 3200, 900, 4, -6));
consonant("S", "fricative", false, [105, 70], [320, 1390, 2530], [160, 100, 200], 0, pull([300, 1500, 2560], [0.55, 0.5, 0.5], 45, 25), noise(-9, 3500, 650, 4600, 900, 0, -22));
consonant("Z", "fricative", true, [75, 50], [250, 1390, 2530], [70, 90, 180], 49, pull([250, 1500, 2560], [0.5, 0.5, 0.5], 45, 20), noise(-15, 3500, 650, 4600, 900, 0, -22));
consonant("SH", "fricative", false, [110, 80], [300, 1840, 2700], [160, 120, 250], 0, pull([300, 1820, 2600], [0.5, 0.4, 0.5], 50, 25), noise(-9, 2300, 420, 3100, 600, -3, -26));
consonant("ZH", "fricative", true, [70, 45], [260, 1840, 2700], [70, 110, 220], 49, pull([260, 1820, 2600], [0.5, 0.4, 0.5], 50, 20), noise(-16, 2300, 420, 3100, 600, -3, -26));

consonant("P", "stop", false, [88, 60], [350, 950, 2150], [160, 150, 200], 0, pull([260, 850, 2150], [0.5, 0.45, 0.5], 40, 10), noise(-17, 800, 700, 1800, 1500, -4, -10));
consonant("B", "stop", true, [80, 55], [220, 950, 2150], [70, 120, 150], 42, pull([220, 850, 2150], [0.45, 0.45, 0.5], 40, 10), noise(-20, 800, 700, 1800, 1500, -4, -10));
consonant("T", "stop", false, [75, 50], [350, 1700, 2620], [160, 120, 220], 0, pull([260, 1780, 2650], [0.5, 0.4, 0.4], 45, 10), noise(-9, 3300, 700, 4300, 900, 0, -16));
consonant("D", "stop", true, [70, 45], [220, 1700, 2620], [70, 110, 180], 42, pull([220, 1780, 2650], [0.45, 0.4, 0.4], 45, 10), noise(-12, 3200, 700, 4300, 900, 0, -16));
// A velar's burst and locus follow the vowel: the frication centers here are replaced by its second and third formant.
consonant("K", "stop", false, [80, 55], [350, 1800, 2300], [160, 150, 260], 0, pull([260, 2300, 2100], [0.5, 0.85, 0.4], 55, 10), noise(-10, 1800, 280, 3000, 700, -10, -24));
consonant("G", "stop", true, [75, 50], [220, 1800, 2300], [70, 130, 220], 42, pull([220, 2300, 2100], [0.45, 0.85, 0.4], 55, 10), noise(-13, 1800, 280, 3000, 700, -10, -24));
consonant("CH", "affricate", false, [110, 80], [320, 1820, 2700], [160, 130, 260], 0, pull([280, 1820, 2650], [0.5, 0.4, 0.5], 50, 15), noise(-8, 2400, 420, 3200, 600, -2, -24));
consonant("JH", "affricate", true, [95, 65], [230, 1820, 2700], [70, 110, 230], 44, pull([230, 1820, 2650], [0.5, 0.4, 0.5], 50, 15), noise(-12, 2400, 420, 3200, 600, -2, -24));
consonant("DX", "flap", true, [28, 25], [250, 1650, 2600], [80, 130, 200], 49, pull([260, 1750, 2620], [0.5, 0.5, 0.5], 30, 8));
consonant("HH", "aspirate", false, [75, 35], [500, 1500, 2500], [160, 140, 200], 0, null);
consonant("_", "silence", false, [0, 0], [500, 1500, 2500], [100, 120, 200], 0, null);

export function phoneme(name: string): Phoneme {
  const found = table.get(name);
  if (found === undefined) throw new Error(`no such phoneme: ${name}`);
  return found;
}

export const phonemeNames: readonly string[] = [...table.keys()];

export const isVowel = (sound: Phoneme): boolean => sound.manner === "vowel";
