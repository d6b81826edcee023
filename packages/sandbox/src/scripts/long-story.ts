import { say, wait, type Script } from "./script.ts";

export const longStory: Script = {
  name: "long-story",
  title: "One side tells a long story, the other hardly says a word",
  codec: "PCMU",
  cast: { teller: ["patti", "debra", "brian"], listener: ["henrietta", "diego"] },
  opening: ["teller", "listener"],
  steps: [
    say("listener", "Contoso Care, hello.", 400),
    say("teller", "Good morning. I have to tell you how the delivery went, because it was quite an adventure."),
    say("teller", "First the driver called from the wrong town. There are two streets with our name, one here and one forty miles north.", 500),
    say("teller", "Then he found the house, but the bed did not fit through the door. So he took the window out, very carefully, and lifted it in from the garden.", 600),
    say("listener", "I see.", -500),
    say("teller", "My neighbor came to help, and her dog ran inside and slept on the new mattress before anybody else could.", 300),
    wait(1800),
    say("teller", "And after all that, he put the window back and swept the floor. I never saw such a friendly man.", 200),
    say("teller", "So I don't want to complain. I would like you to thank him from us.", 700),
    say("listener", "I'll tell him today."),
    say("teller", "And please write it down somewhere, so that his boss reads it too."),
    say("listener", "It is recorded, word for word. Thank you for calling!"),
  ],
};
