import { say, type Script } from "./script.ts";

export const priceList: Script = {
  name: "price-list",
  title: "Colleagues settle a price before a customer visit",
  codec: "PCMA",
  cast: { sales: ["isaiah", "alex", "adele"], finance: ["pradeep", "lynne", "johanna"] },
  opening: ["sales", "finance"],
  steps: [
    say("finance", "Good morning, accounting.", 400),
    say("sales", "Good morning! I'm visiting a customer at 11:30, and I need to know how low I may go on the annual contract."),
    say("finance", "Which contract is it, the small one or the one with support?"),
    say("sales", "The one with support, for 240 seats."),
    say("finance", "One moment. The list says $18 for a seat. With more than 200 seats you may give 12%.", 900),
    say("sales", "And if they sign for three years?"),
    say("finance", "Then 15%, but no more than that. Anything lower needs Nestor's approval in writing."),
    say("sales", "All right. I'll begin at 10 and keep the rest in my pocket."),
    say("finance", "Good idea. Send me the signed copy today, please, so that it still counts for this month."),
    say("sales", "Will do. Thanks for your help!"),
    say("finance", "You're welcome. Good luck!"),
  ],
};
