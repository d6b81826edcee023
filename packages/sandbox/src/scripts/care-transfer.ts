import { say, transfer, type Script } from "./script.ts";

export const careTransfer: Script = {
  name: "care-transfer",
  title: "A call to the Contoso Care queue, answered by an agent and passed on to the team lead",
  codec: "PCMU",
  cast: { customer: ["brian", "lee", "debra"], queue: ["care"], agent: ["diego", "henrietta"], lead: ["megan"] },
  // A queue call is recorded from the moment an agent has it (CAP-40), so nothing is heard of the queue itself.
  opening: ["customer", "agent"],
  earlier: { who: "queue", ms: 6000 },
  steps: [
    say("agent", "Contoso Care, thank you for waiting. This call is recorded. What can I do for you?", 500),
    say("customer", "My coffee machine arrived on Monday, and it leaks. I called twice already!"),
    say("agent", "That shouldn't happen, and I'm sorry. Do you have the order number at hand?"),
    say("customer", "It's 5, 0, 2, 2, 8, 1."),
    say("agent", "I see both of your calls. A technician was promised, and nobody came."),
    say("customer", "Exactly. I would like my money back now."),
    say("agent", "I understand. Refunds are approved by my team lead. May I connect you? She knows the case in a minute."),
    say("customer", "Please do."),
    transfer("agent", "lead"),
    say("lead", "Hello, I'm in charge of this team. I have read what happened, and it is our mistake.", 1200),
    say("customer", "Thank you for saying so."),
    say("lead", "You'll have the refund of $249 within three days. A driver picks up the machine on Friday, free of charge."),
    say("customer", "That's fair. Friday before noon would be best."),
    say("lead", "Between 9:00 and 11:30, then. Is there anything else?"),
    say("customer", "No, that's all. Thank you."),
    say("lead", "Thank you for your patience. Goodbye!"),
  ],
};
