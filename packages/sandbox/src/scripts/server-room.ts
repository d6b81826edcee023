import { hold, resume, say, wait, type Script } from "./script.ts";

export const serverRoom: Script = {
  name: "server-room",
  title: "A temperature alarm: two colleagues, with the line muted while a code is read out",
  codec: "PCMA",
  cast: { engineer: ["johanna", "isaiah", "grady"], director: ["nestor", "megan"] },
  opening: ["engineer", "director"],
  steps: [
    say("director", "Yes? What's going on?", 400),
    say("engineer", "The server room is at 95 degrees and it's getting warmer."),
    say("director", "Is the cooling on?", -150),
    say("engineer", "One of two units is. The other shows an error, E 41. I need the code for the cabinet."),
    say("director", "I'll read it to you, but not on the recording. Wait."),
    hold("director", "inactive"),
    wait(4000),
    resume("director"),
    say("director", "Did it open?", 300),
    say("engineer", "It did. There's a switch with a red label. I'm turning it off and on again."),
    wait(2000),
    say("engineer", "It's running! The fan is loud, but the number is falling already."),
    say("director", "Well done. Stay with it until it's below 75, and write me a short report."),
    say("engineer", "I will. Good night."),
    say("director", "Good night, and thank you."),
  ],
};
