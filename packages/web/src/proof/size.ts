/** `0 KB`, `640 KB`, `12.5 MB`, `1.3 GB`: of what is on its way, not of a disk. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} KB`;
  const [size, unit] = bytes < 1_000_000_000 ? [bytes / 1_000_000, "MB"] : [bytes / 1_000_000_000, "GB"];
  return `${size.toFixed(1)} ${unit}`;
}
