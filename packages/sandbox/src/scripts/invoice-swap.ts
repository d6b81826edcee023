import { replace, say, wait, type Script } from "./script.ts";

export const invoiceSwap: Script = {
  name: "invoice-swap",
  title: "A supplier asks about an invoice and is put through to accounting in the same session",
  codec: "PCMA",
  cast: { supplier: ["lee", "brian", "withheld"], desk: ["lynne", "joni", "grady"], accounting: ["pradeep"] },
  opening: ["supplier", "desk"],
  steps: [
    say("desk", "Contoso, reception desk, hello.", 400),
    say("supplier", "Hello. I'm calling about an invoice from September that was never paid."),
    say("desk", "Let me put you through to accounting. Please stay on the line."),
    wait(1500),
    replace("desk", "accounting"),
    say("accounting", "Accounting, how may I help?", 600),
    say("supplier", "Invoice number 10447, over $3,180. It was due on the 30th of September."),
    say("accounting", "Thank you, I'm looking it up now."),
    wait(2500),
    say("accounting", "It was sent back to you because the purchase order was missing. Did you get our letter?"),
    say("supplier", "No, that must have gone to the old address."),
    say("accounting", "Then please send it again with order number 88215, and I'll pay it on the same day."),
    say("supplier", "Excellent, you will have it within the hour."),
    say("accounting", "Good. Goodbye, and sorry for the trouble."),
  ],
};
