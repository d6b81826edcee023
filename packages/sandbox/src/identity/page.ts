import type { ContosoPerson } from "../contoso.ts";

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

function mayDo(person: ContosoPerson): string {
  switch (person.accessProfile) {
    case "Global Admin":
      return "Sees and plays every recording of Contoso";
    case "Own Calls":
      return "Sees and plays calls of their own";
    case null:
      return "Is recorded, but may not enter";
  }
}

/** Colors of the initials, so that people are found again by eye; white on each has a contrast of at least 4.5. */
const tints = 6;

export function signInPage(people: readonly ContosoPerson[], action: string): string {
  const items = people.map((person, index) => {
    const initials = `${person.givenName.charAt(0)}${person.familyName.charAt(0)}`;
    return `<li><button type="submit" name="person" value="${escaped(person.personId)}">
<span class="initials tint-${index % tints}" aria-hidden="true">${escaped(initials)}</span>
<span class="who"><span class="name">${escaped(person.displayName)}</span><span class="role">${escaped(person.role)}</span><span class="upn">${escaped(person.upn)}</span><span class="access${person.accessProfile === null ? " none" : ""}">${escaped(mayDo(person))}</span></span>
</button></li>`;
  });
  return document(
    "Sign in to the Contoso sandbox",
    `<h1>Who are you today?</h1>
<p class="lead">Choose somebody of Contoso. One click signs you in to Earwitness as that person.</p>
<form method="post" action="${escaped(action)}">
<ul class="people">
${items.join("\n")}
</ul>
</form>`,
  );
}

export function problemPage(heading: string, text: string): string {
  return document(heading, `<h1>${escaped(heading)}</h1>\n<p class="lead">${escaped(text)}</p>`);
}

export const styleSheet = `:root {
  color-scheme: light dark;
  --ground: light-dark(#f5f5f5, #1f1f1f);
  --card: light-dark(#ffffff, #292929);
  --hover: light-dark(#f0f4fb, #333a45);
  --text: light-dark(#242424, #ffffff);
  --quiet: light-dark(#5c5c5c, #bdbdbd);
  --line: light-dark(#e0e0e0, #3d3d3d);
  --accent: light-dark(#0f6cbd, #62abf5);
  --warn-ground: light-dark(#fff4ce, #4a3b00);
  --warn-text: light-dark(#5c4400, #ffe9a8);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.45 "Segoe UI", system-ui, sans-serif; }
.banner { margin: 0; padding: .6rem 1rem; background: var(--warn-ground); color: var(--warn-text); text-align: center; font-size: .9rem; }
main { max-width: 60rem; margin: 0 auto; padding: clamp(1.25rem, 4vw, 3rem) 1rem 3rem; }
h1 { margin: 0 0 .35rem; font-size: clamp(1.5rem, 4vw, 2rem); font-weight: 600; letter-spacing: -.01em; }
.lead { margin: 0 0 1.75rem; color: var(--quiet); }
.people { list-style: none; margin: 0; padding: 0; display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
.people button { display: flex; gap: 1rem; align-items: center; width: 100%; height: 100%; padding: .85rem 1rem; font: inherit; text-align: start; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; cursor: pointer; }
.people button:hover { background: var(--hover); border-color: var(--accent); }
.people button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.initials { flex: none; display: grid; place-items: center; width: 3rem; height: 3rem; border-radius: 50%; color: #fff; font-weight: 600; }
.tint-0 { background: #0f548c; } .tint-1 { background: #8e192e; } .tint-2 { background: #0b6a0b; } .tint-3 { background: #5b2e91; } .tint-4 { background: #7a4b00; } .tint-5 { background: #006666; }
.who { display: grid; min-width: 0; }
.name { font-weight: 600; }
.role, .upn, .access { font-size: .875rem; overflow-wrap: anywhere; }
.role, .upn { color: var(--quiet); }
.access { color: var(--accent); }
.access.none { color: var(--quiet); font-style: italic; }
`;
