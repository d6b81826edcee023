/** A file that comes in while it is made: how long it will be nobody knows, so the bytes so far are told. */
export async function receive(response: Response, progress: (bytes: number) => void): Promise<Blob> {
  const reader = response.body!.getReader();
  const parts: BlobPart[] = [];
  let bytes = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    parts.push(next.value);
    bytes += next.value.length;
    progress(bytes);
  }
  return new Blob(parts, { type: response.headers.get("content-type") ?? "" });
}

/** Hands a file to whoever sits before the browser. */
export function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
