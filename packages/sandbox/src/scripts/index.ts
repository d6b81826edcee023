import { cardReplacement } from "./card-replacement.ts";
import { careTransfer } from "./care-transfer.ts";
import { contractAdvice } from "./contract-advice.ts";
import { invoiceSwap } from "./invoice-swap.ts";
import { longStory } from "./long-story.ts";
import { mortgageQuestion } from "./mortgage-question.ts";
import { priceList } from "./price-list.ts";
import { quickCheck } from "./quick-check.ts";
import { releaseMeeting } from "./release-meeting.ts";
import type { Script } from "./script.ts";
import { serverRoom } from "./server-room.ts";
import { testResults } from "./test-results.ts";

/** In the order of `--list`; the first is short, so that a fresh installation has something to play within seconds. */
export const scripts: readonly Script[] = [
  quickCheck,
  priceList,
  testResults,
  cardReplacement,
  careTransfer,
  invoiceSwap,
  releaseMeeting,
  contractAdvice,
  longStory,
  serverRoom,
  mortgageQuestion,
];

export { quickCheck };
export { castScript, faultsOf, say, type Script, type Step } from "./script.ts";
