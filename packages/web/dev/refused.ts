export interface Mistake {
  readonly where: string;
  readonly message: string;
}

/** An answer of the mock that is an error, as the server words it. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  readonly errors: readonly Mistake[];
  constructor(status: number, code: string, detail: string, errors: readonly Mistake[] = []) {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}
