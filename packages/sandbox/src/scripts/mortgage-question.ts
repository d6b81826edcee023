import { say, type Script } from "./script.ts";

export const mortgageQuestion: Script = {
  name: "mortgage-question",
  title: "A bank calls a couple's number about a mortgage offer",
  codec: "PCMU",
  cast: { adviser: ["isaiah", "adele", "alex"], customer: ["lee", "miriam", "brian"] },
  opening: ["adviser", "customer"],
  steps: [
    say("customer", "Hello, who is this?", 700),
    say("adviser", "Good evening, this is Contoso Bank. You asked us for an offer for a house. Is this a good time?"),
    say("customer", "Yes, we just finished dinner. Go ahead."),
    say("adviser", "For $310,000 over 25 years, the rate today is 4.2%."),
    say("customer", "Hmm. And what would it be over 20 years?"),
    say("adviser", "4.05%. You would pay about $180 more each month, but you save the interest of five years."),
    say("customer", "Is the rate fixed?"),
    say("adviser", "It's fixed for the first ten years. After that you may change to another bank, without a fee."),
    say("customer", "And how long does your offer stand?"),
    say("adviser", "Until the end of the month. You don't have to decide today, and I would be worried if you did."),
    say("customer", "Then we'll sleep on it. Could you send it in writing?"),
    say("adviser", "It is in your mailbox already. Call me whenever you like."),
    say("customer", "We will. Good night!"),
    say("adviser", "Good night."),
  ],
};
