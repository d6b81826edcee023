/**
 * An error that a person may be shown. `code` comes from a closed union of the room that throws it; `status` is what HTTP
 * answers. Everything else that is thrown is a defect and is answered as 500 without its text.
 */
export class Refusal<Code extends string = string> extends Error {
  readonly code: Code;
  readonly status: number;
  readonly errors: readonly { where: string; message: string }[];

  constructor(code: Code, status: number, message: string, errors: readonly { where: string; message: string }[] = []) {
    super(message);
    this.name = "Refusal";
    this.code = code;
    this.status = status;
    this.errors = errors;
  }
}

/** Text of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
