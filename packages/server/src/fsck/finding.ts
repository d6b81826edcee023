/** What a check of an installation has to say, in a closed set of kinds; each of them has what it means and what to do. docs/operate/fsck.md lists them all. */

/** In the order in which they are checked. */
export const parts = ["rows", "log", "witness", "media", "manifests", "settings"] as const;
export type Part = (typeof parts)[number];

/** `differs`: two things that should agree do not. `not checked`: nobody can say. `note`: worth knowing, and in order. */
export type Verdict = "differs" | "not checked" | "note";

interface Meaning {
  readonly verdict: Verdict;
  readonly means: string;
  readonly todo: string;
}

const fromBackup = "Keep the database as it is for whoever investigates, and put back a backup from before the change (docs/operate/backup.md); then check again.";
const storeBackup = "Put the file back from a copy of the store; then check again.";

const settingBackup = "Where it lets somebody in (a key, a session, an access profile, a trunk), take that away first. " + fromBackup;

export const meanings = {
  ROW_MISSING: { verdict: "differs", means: "The log holds a place for a row that the database does not have: it was deleted, or its place was changed.", todo: fromBackup },
  ROW_ALTERED: { verdict: "differs", means: "The row is not the one that was committed to when it got its place: somebody changed it past Earwitness.", todo: fromBackup },
  ROW_MOVED: { verdict: "differs", means: "The row is genuine and stands at another's place: rows were put in another order.", todo: fromBackup },
  ROW_DOUBLED: { verdict: "differs", means: "More than one row claims this place; at most one of them can be genuine.", todo: fromBackup },
  ROW_ERASED_WITHOUT_CERTIFICATE: { verdict: "differs", means: "The row is empty, and no intact row says who erased it and why: it was emptied past Earwitness.", todo: fromBackup },
  ROW_BEYOND_HEAD: { verdict: "differs", means: "The row claims a place that the log does not have: the log was cut, or the place was made up.", todo: fromBackup },
  ROW_NOT_OURS: { verdict: "differs", means: "The row cannot have been written by Earwitness, and gets no place in the log.", todo: "Find out who writes to the database, and have a superuser remove the row." },
  ENTRY_ALTERED: { verdict: "differs", means: "The log's entry and its leaf do not fit together, or one of them is gone: the log's own table was changed.", todo: fromBackup },
  ERASURE_WAITS: { verdict: "not checked", means: "A row was erased, and the row that says so waits for its place in the log.", todo: "Check again when the server runs and the row has its place, a quarter of a second later." },
  ROWS_WAIT: { verdict: "note", means: "These rows have no place in the log yet; until they have, nothing shows a change of them.", todo: "Nothing, where the server runs and has just written them. Otherwise see earwitness log show." },

  LOG_MISSING: { verdict: "differs", means: "The database has no log of the tenant, and there was one: it was deleted, or the database was set back.", todo: fromBackup },
  LOG_SET_BACK: { verdict: "differs", means: "The log is shorter than one that was signed or kept before: the database was set back to an earlier copy, or cut.", todo: "If you restored a backup, earwitness log resume says so for good. Otherwise: " + fromBackup },
  LOG_REWRITTEN: { verdict: "differs", means: "The log is another one than this node signed: it was rewritten, or comes from another copy.", todo: fromBackup },
  LOG_RENAMED: { verdict: "differs", means: "The database has a name for the log that is no name of a log: it was changed.", todo: fromBackup },
  HEAD_FORGED: { verdict: "differs", means: "A head of the log is not signed by the log's key, or says something else than the database beside it.", todo: fromBackup },
  HEAD_DIFFERS: { verdict: "differs", means: "The tiles do not make up the signed head: hashes of the log were changed.", todo: fromBackup },
  TILE_MISSING: { verdict: "differs", means: "Hashes of the log are gone; what rests on them cannot be proved.", todo: fromBackup },
  TILE_ALTERED: { verdict: "differs", means: "A tile's hashes do not make up the one that stands for it a level higher: one of both was changed.", todo: fromBackup },
  TILE_EXTRA: { verdict: "differs", means: "The log's table holds hashes that the log does not have: behind its end, or as a tile of no tree. Somebody put them there, or the log was cut.", todo: fromBackup },
  CHECKPOINT_MISSING: { verdict: "differs", means: "Fewer checkpoints are kept than an earlier check counted and wrote down in the log: some were deleted.", todo: fromBackup },
  CHECKPOINT_NOT_FOUND: { verdict: "not checked", means: "A row says that a checkpoint was asked for, and none that covers it is kept: it was deleted, or the server died before it was kept.", todo: "Where the server runs, it keeps one within a minute: check again." },
  CHECKPOINT_FORGED: { verdict: "differs", means: "A kept checkpoint is not signed by the key that the log had at its size, or is not one of this log and size.", todo: fromBackup },
  CHECKPOINT_DIFFERS: { verdict: "differs", means: "The log that is there now is not the one that this checkpoint was signed for: it was rewritten before its size.", todo: fromBackup },
  CHECKPOINT_NOT_CHECKED: { verdict: "not checked", means: "Hashes that the log's root at this size is made of are missing.", todo: "See TILE_MISSING." },
  KEY_FOREIGN: { verdict: "differs", means: "The database names another key for the log than the one that was trusted: whoever has that key may have signed a log of their own.", todo: "Compare earwitness log show with the vkey that you wrote down. If they differ: " + fromBackup },
  KEY_NOT_COMPARED: { verdict: "not checked", means: "This node does not hold the log's private key and none was given with --key: signatures were checked with the key that the database names.", todo: "Check on the node that keeps the log, or give the vkey that you wrote down with --key." },
  HANDOVER_BROKEN: { verdict: "differs", means: "The log's keys do not follow from each other by hand-overs that both keys signed.", todo: fromBackup },
  KEY_WITHOUT_HANDOVER: { verdict: "note", means: "The log goes on under a key that the one before did not hand over to, and a row says that the old one was lost.", todo: "Nothing new: whoever verifies has to know of it (docs/operate/keys.md)." },

  COSIGNATURE_FORGED: { verdict: "differs", means: "A checkpoint carries a line in a witness's name that the witness did not sign.", todo: fromBackup },
  WITNESS_AHEAD: { verdict: "differs", means: "ROLLED BACK: the witness cosigned a longer log than this one.", todo: "If you restored a backup, the witness's operator decides (docs/operate/keys.md). Otherwise: " + fromBackup },
  WITNESS_CONTRADICTS: { verdict: "differs", means: "FORKED: the witness cosigned another history of this log than the one that is here.", todo: fromBackup },
  WITNESS_SILENT: { verdict: "not checked", means: "The witness gave no answer that can be used: whether it saw more, or something else, is not known.", todo: "Check again when it answers: --only witness." },
  NO_WITNESS: { verdict: "note", means: "Split view and roll-back were not checked: no witness is configured. Whoever holds keys and database could show another log.", todo: "docs/trust-model.md says what a witness proves; EARWITNESS_WITNESSES names some." },

  OBJECT_MISSING: { verdict: "differs", means: "A file that belongs to a recording is not in the store.", todo: storeBackup },
  OBJECT_TRUNCATED: { verdict: "differs", means: "A file of a recording is shorter than what was stored.", todo: storeBackup },
  OBJECT_ALTERED: { verdict: "differs", means: "A file of a recording has other bytes than were stored.", todo: storeBackup },
  OBJECT_ROW_ALTERED: { verdict: "differs", means: "The database and the sealed manifest say different things about a file: the database's row was changed, added or deleted.", todo: fromBackup },
  OBJECT_EXTRA: { verdict: "differs", means: "A file lies in the store that no recording has and Earwitness does not name so: somebody put it there.", todo: "Find out who, and move it away. No recording is touched by it." },
  OBJECT_LEFT_OVER: { verdict: "note", means: "A file in a recording's folder that the recording does not name: left by a process that was killed between storing and writing down. Nothing reads it.", todo: "Nothing; it may be removed." },
  OBJECTS_YOUNG: { verdict: "note", means: "Files that came into the store in the last minutes and are not named yet were not judged.", todo: "Nothing. A later check judges them." },
  RECORDING_UNKNOWN: { verdict: "differs", means: "The store holds files of a recording that the database does not know: its rows were deleted, or the database was set back.", todo: fromBackup },
  SECOND_ALTERED: { verdict: "differs", means: "This second of sound is not what was sealed: its bytes were changed, moved or cut. Every other second keeps its proof.", todo: storeBackup },
  PIECE_UNREADABLE: { verdict: "differs", means: "The piece's index does not authenticate: nothing in it can be relied on.", todo: storeBackup },
  TRACK_DIFFERS: { verdict: "differs", means: "The seconds in the store do not make up the track's root in the manifest: some are missing, added or of another recording.", todo: storeBackup },
  FILE_UNREADABLE: { verdict: "differs", means: "The disk does not give the file, or what lies in its place is none.", todo: "See what the machine says of its disk. " + storeBackup },
  KEY_ALTERED: { verdict: "differs", means: "A recording's data key is in the keystore and is not the one that was sealed there: its file was changed. Nothing under it can be read.", todo: "Move the file away; earwitness restore-keystore puts missing keys back (docs/operate/backup.md)." },
  KEY_MISSING: { verdict: "differs", means: "A recording's data key is not in the keystore, and no row says that it was destroyed: nothing under it can be read.", todo: "earwitness restore-keystore puts missing keys back (docs/operate/backup.md)." },
  DESTROYED: { verdict: "note", means: "A recording that was deleted, with a row that says who and why; its sound is gone on purpose.", todo: "Nothing." },
  LIES_ELSEWHERE: { verdict: "not checked", means: "Another node recorded this, and its files or keys are not here.", todo: "Check on that node: --only media,manifests." },

  MANIFEST_NOT_IN_LOG: { verdict: "differs", means: "No row says that this recording was finished: it was made up, or its row is missing.", todo: fromBackup },
  MANIFEST_MAYBE_ERASED: { verdict: "not checked", means: "No row says that this recording was finished, and rows of that time were erased; which of both it is, nobody can say any more.", todo: "Nothing, where the erasure is known." },
  MANIFEST_ALTERED: { verdict: "differs", means: "The manifest is not the one that the log knows.", todo: "Put the manifest's file back from a copy of the store, or the database from a backup, whichever was changed; then check again." },
  DERIVATION_DIFFERS: { verdict: "differs", means: "A compacted copy is not the one that the log knows, or is of something else.", todo: storeBackup + " The original is not touched by it." },
  FACTS_DIFFER: { verdict: "differs", means: "The database says something else about a call than was sealed, or written into the log, when it happened.", todo: fromBackup },
  FACTS_MAYBE_ERASED: { verdict: "not checked", means: "Rows were erased that may have been the last to say something of this interaction; the database's word for that was held against nothing.", todo: "Nothing, where the erasure is known." },
  INTERACTION_MISSING: { verdict: "differs", means: "The log knows an interaction that the database does not have: its row was deleted.", todo: fromBackup },
  INTERACTION_ADDED: { verdict: "differs", means: "The database ties an interaction to a recording whose manifest does not know it, or has one that no row of evidence opened.", todo: fromBackup },
  ID_NOT_OURS: { verdict: "differs", means: "A recording or an interaction has an id that Earwitness never gives: it was made up, or its id was changed. Nothing else of it was checked.", todo: fromBackup },
  VALUE_NOT_OURS: { verdict: "differs", means: "The database holds a value that Earwitness never writes and cannot even read: somebody else wrote it. What else is wrong there was not checked.", todo: fromBackup },
  RECORDING_MISSING: { verdict: "differs", means: "The log knows a finished recording that the database does not have, or not as finished.", todo: fromBackup },

  SETTING_DIFFERS: { verdict: "differs", means: "A person, a group, a trunk, an API key, a session or the tenant is not what its last row of evidence says: somebody changed it past Earwitness.", todo: settingBackup },
  SETTING_ADDED: { verdict: "differs", means: "A person, a group, a trunk, an API key, a session or the tenant is in the database, and no row of evidence says that it was added: somebody made it up.", todo: settingBackup },
  SETTING_MISSING: { verdict: "differs", means: "The log says that a person, a group, a trunk, an API key, a session or the tenant was set up, and the database does not have it: its row was deleted.", todo: settingBackup },
  SETTING_MAYBE_ERASED: { verdict: "not checked", means: "Something is set up otherwise than rows of evidence say, and rows that may have said more were erased; which of both it is, nobody can say any more.", todo: "Look at it in the portal. Nothing else, where the erasure is known." },
} as const satisfies Readonly<Record<string, Meaning>>;

export type FindingCode = keyof typeof meanings;

export interface Finding {
  readonly code: FindingCode;
  readonly part: Part;
  /** Short name of the tenant. */
  readonly tenant: string;
  /** Row, tile, checkpoint, file, or interaction and recording. */
  readonly where: string;
  /** What is found there, in words. */
  readonly says: string;
}

/** Two findings of one name are one. */
export const nameOf = ({ code, tenant, where, says }: Finding): string => `${code}\n${tenant}\n${where}\n${says}`;

/** What others say in the middle of a sentence, as one of its own. */
export const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

export const verdictOf = ({ code }: Pick<Finding, "code">): Verdict => meanings[code].verdict;
