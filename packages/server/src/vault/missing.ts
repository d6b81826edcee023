/** What is not there, told apart from what cannot be read. */

export class ObjectMissing extends Error {
  constructor(name: string) {
    super(`no object ${name} in the store`);
    this.name = "ObjectMissing";
  }
}

/** The data key is not in the keystore: destroyed, or never backed up. What lies under it cannot be read any more. */
export class KeyMissing extends Error {
  constructor(tenantId: string, keyId: string) {
    super(`no data key ${keyId} of tenant ${tenantId} in the keystore`);
    this.name = "KeyMissing";
  }
}

/** The object is there already, with other bytes. Objects are written once. */
export class ObjectConflict extends Error {
  constructor(name: string) {
    super(`object ${name} exists with other bytes`);
    this.name = "ObjectConflict";
  }
}

/** Nothing is there, or what is there is no file: a directory, or links that lead round. */
export function isMissingFile(error: unknown): boolean {
  return error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR", "EISDIR", "ELOOP"].includes(String(error.code));
}
