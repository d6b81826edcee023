export function startPostgres(bin: string): Promise<{ readonly url: string; readonly version: string; stop(): Promise<void> }>;
