/**
 * Sound of a track by the second. G.722 and Opus remember what came before, so that a range would sound a little different
 * depending on where reading began; each second is decoded alone, from a place before it that is always the same, and any range
 * is cut from these. So a range is bit for bit the same part of the whole, whoever asks for it and in what steps.
 */
export interface SoundBlocks {
  readPcm(fromSample: number, count: number): Promise<Int16Array>;
}

/** Reading on in steps of any length decodes no second twice. */
const keptBlocks = 4;

export function createSoundBlocks(sampleRate: number, decodeSecond: (second: number) => Promise<Int16Array>): SoundBlocks {
  const blocks = new Map<number, Promise<Int16Array>>();

  function blockOf(second: number): Promise<Int16Array> {
    let block = blocks.get(second);
    if (block === undefined) {
      block = decodeSecond(second);
      block.catch(() => blocks.delete(second));
      blocks.set(second, block);
      if (blocks.size > keptBlocks) blocks.delete(blocks.keys().next().value!);
    }
    return block;
  }

  return {
    async readPcm(fromSample, count) {
      const pcm = new Int16Array(count);
      for (let at = fromSample; at < fromSample + count; ) {
        const second = Math.floor(at / sampleRate);
        const until = Math.min(fromSample + count, (second + 1) * sampleRate);
        const block = await blockOf(second);
        pcm.set(block.subarray(at - second * sampleRate, until - second * sampleRate), at - fromSample);
        at = until;
      }
      return pcm;
    },
  };
}
