import { hold, resume, say, wait, type Script } from "./script.ts";

export const cardReplacement: Script = {
  name: "card-replacement",
  title: "A bank customer has lost a card; the agent puts her on hold and comes back",
  codec: "PCMU",
  cast: { customer: ["debra", "miriam", "patti"], agent: ["diego", "henrietta", "megan"] },
  opening: ["customer", "agent"],
  steps: [
    say("agent", "Contoso Bank, good afternoon. This call is recorded. How can I help you?", 500),
    say("customer", "Hello. I think I lost my card on the train this morning."),
    say("agent", "I'm sorry to hear that. Let's block it right away. Could you tell me your date of birth, please?"),
    say("customer", "The 14th of March, 1982."),
    say("agent", "Thank you. And the last four numbers of the account?"),
    say("customer", "7, 7, 0, 3."),
    say("agent", "Found it. I'll put you on hold for a moment while I block the card.", 700),
    hold("agent"),
    wait(5000),
    resume("agent"),
    say("agent", "Thank you for waiting. Your card is blocked, and nobody has used it since yesterday evening.", 300),
    say("customer", "Oh, that's a relief. How long does a new one take?"),
    say("agent", "Four working days. Shall we send it to your home address?"),
    say("customer", "Yes, please. Do I get a new number?"),
    say("agent", "You do, and the PIN comes in a letter of its own, two days later."),
    say("customer", "Wonderful. Thank you very much."),
    say("agent", "With pleasure. Have a safe trip home!"),
  ],
};
