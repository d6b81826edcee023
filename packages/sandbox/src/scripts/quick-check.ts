import { say, type Script } from "./script.ts";

export const quickCheck: Script = {
  name: "quick-check",
  title: "Ten seconds between colleagues: is the room free?",
  codec: "PCMU",
  cast: { caller: ["adele", "alex", "megan", "lynne"], colleague: ["nestor", "grady", "joni", "isaiah"] },
  opening: ["caller", "colleague"],
  steps: [
    say("colleague", "Hello?", 300),
    say("caller", "Hi, is the blue room free at 3:00?"),
    say("colleague", "Yes, until 4:00. It's yours."),
    say("caller", "Thank you, bye!"),
    say("colleague", "Bye."),
  ],
};
