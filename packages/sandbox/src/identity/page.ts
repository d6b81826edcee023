import type { Role, ContosoPerson } from "../contoso.ts";

/** Pages of the sandbox's identity provider: plain HTML without scripts, readable on a phone, light or dark as the machine is. */

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const document = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<link rel="stylesheet" href="/sandbox.css">
<link rel="icon" href="data:,">
</head>
<body>
<p class="banner" role="note"><strong>Sandbox identity provider:</strong> not a real sign-in. No passwords, made-up people, this machine only.</p>
<main>
${body}
</main>
</body>
</html>
`;

/** What people may do in the portal is what one chooses them for; whoever may do most comes first. */
const groups: readonly { readonly role: Role; readonly heading: string }[] = [
  { role: "Admin", heading: "Sees and plays every recording" },
  { role: "Supervisor", heading: "See and play calls of a group" },
  { role: "User Self View", heading: "See and play calls of their own" },
  { role: "User", heading: "Are recorded, but may not enter" },
];

/** Colors of the initials, so that people are found again by eye; white on each has a contrast of at least 4.5. */
const tints = 6;

export function signInPage(people: readonly ContosoPerson[], action: string): string {
  const item = (person: ContosoPerson): string => {
    const initials = `${person.givenName.charAt(0)}${person.familyName.charAt(0)}`;
    return `<li><button type="submit" name="person" value="${escaped(person.personId)}">
<span class="initials tint-${people.indexOf(person) % tints}" aria-hidden="true">${escaped(initials)}</span>
<span class="who"><span class="name">${escaped(person.displayName)}</span><span class="role">${escaped(person.job)}</span><span class="upn">${escaped(person.upn)}</span></span>
</button></li>`;
  };
  const sections = groups.flatMap(({ role, heading }) => {
    const those = people.filter((person) => person.role === role);
    return those.length === 0 ? [] : [`<h2>${escaped(heading)}</h2>\n<ul class="people">\n${those.map(item).join("\n")}\n</ul>`];
  });
  return document(
    "Sign in to the Contoso sandbox",
    `<h1>Who are you today?</h1>
<p class="lead">Choose somebody of Contoso. One click signs you in to Earwitness as that person.</p>
<form method="post" action="${escaped(action)}">
${sections.join("\n")}
</form>`,
  );
}

export function problemPage(heading: string, text: string): string {
  return document(heading, `<h1>${escaped(heading)}</h1>\n<p class="lead">${escaped(text)}</p>`);
}

export const styleSheet = `:root {
  color-scheme: light dark;
  --ground: light-dark(#f7f8f8, #15181a);
  --card: light-dark(#ffffff, #1c2023);
  --hover: light-dark(#eef6f7, #22292c);
  --text: light-dark(#242424, #f5f5f5);
  --quiet: light-dark(#5c5c5c, #b0b6ba);
  --line: light-dark(#e0e3e3, #363c40);
  --accent: light-dark(#0d7585, #5cc3d2);
  --warn-ground: light-dark(#fff4ce, #4a3b00);
  --warn-text: light-dark(#5c4400, #ffe9a8);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: .9375rem/1.4 "Segoe UI", -apple-system, BlinkMacSystemFont, Roboto, "Helvetica Neue", sans-serif; }
.banner { margin: 0; padding: .6rem 1rem; background: var(--warn-ground); color: var(--warn-text); text-align: center; font-size: .8125rem; }
main { max-width: 60rem; margin: 0 auto; padding: clamp(1.25rem, 4vw, 2.5rem) 1rem 3rem; }
h1 { margin: 0 0 .35rem; font-size: clamp(1.375rem, 4vw, 1.75rem); font-weight: 600; letter-spacing: -.01em; }
.lead { margin: 0; color: var(--quiet); }
h2 { margin: 1.75rem 0 .6rem; font-size: .875rem; font-weight: 600; color: var(--quiet); }
.people { list-style: none; margin: 0; padding: 0; display: grid; gap: .625rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); }
.people button { display: flex; gap: .875rem; align-items: center; width: 100%; height: 100%; padding: .7rem .875rem; font: inherit; text-align: start; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; cursor: pointer; }
.people button:hover { background: var(--hover); border-color: var(--accent); }
.people button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.initials { flex: none; display: grid; place-items: center; width: 2.5rem; height: 2.5rem; font-size: .875rem; border-radius: 50%; color: #fff; font-weight: 600; }
.tint-0 { background: #0f548c; } .tint-1 { background: #8e192e; } .tint-2 { background: #0b6a0b; } .tint-3 { background: #5b2e91; } .tint-4 { background: #7a4b00; } .tint-5 { background: #006666; }
.who { display: grid; min-width: 0; }
.name { font-weight: 600; }
.role, .upn { font-size: .8125rem; color: var(--quiet); overflow-wrap: anywhere; }
.initials { forced-color-adjust: none; }
`;
