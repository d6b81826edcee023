import { say, type Script } from "./script.ts";

export const testResults: Script = {
  name: "test-results",
  title: "A clinic calls a patient back about an appointment",
  codec: "PCMA",
  cast: { clinic: ["johanna", "lynne", "joni"], patient: ["lee", "brian", "patti"] },
  opening: ["clinic", "patient"],
  steps: [
    say("patient", "Hello?", 600),
    say("clinic", "Good morning, this is the Contoso clinic. Am I speaking to the person who left a message last night?"),
    say("patient", "Yes, that was me. It's about my blood test."),
    say("clinic", "The results are here, and the doctor has seen them. There is nothing to worry about."),
    say("patient", "Oh, good!", -250),
    say("clinic", "She would like to see you once more in six weeks. Does Tuesday the 9th suit you?"),
    say("patient", "In the morning I have to work. Is there anything after 4:30?"),
    say("clinic", "Let me see. Yes, at 4:45 in the afternoon."),
    say("patient", "Perfect. Should I eat before I come?"),
    say("clinic", "A light breakfast is fine, and please drink enough water. Bring the list of your medicines too."),
    say("patient", "I will. Thank you for calling back."),
    say("clinic", "Take care. Goodbye."),
  ],
};
