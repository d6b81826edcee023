// What npm test keeps of a suite, as a Vitest reporter: how many passed, and by name what did not, so that the end of the output says
// it again. A process that ends in the middle of a file leaves tests that neither passed nor failed; they are told apart from skipped ones.
import { writeFileSync } from "node:fs";
import { relative } from "node:path";

const maxLines = 12;

export default class Tally {
  onTestRunEnd(modules, unhandled) {
    const tally = { passed: 0, failed: [], unfinished: [], skipped: [], errors: unhandled.map(inShort) };
    for (const module of modules) {
      const file = relative(process.cwd(), module.moduleId);
      for (const error of module.errors()) tally.failed.push(`${file}\n${inShort(error)}`);
      for (const suite of module.children.allSuites()) for (const error of suite.errors()) tally.failed.push(`${file} > ${suite.fullName}\n${inShort(error)}`);
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        const name = `${file} > ${test.fullName}`;
        if (state === "passed") tally.passed += 1;
        else if (state === "failed") tally.failed.push([name, ...(errors ?? []).map(inShort)].join("\n"));
        else if (state === "skipped") tally.skipped.push(name);
        else tally.unfinished.push(name);
      }
    }
    writeFileSync(process.env.EARWITNESS_TEST_TALLY, JSON.stringify(tally));
  }
}

/** The message and where in our code it came from. */
function inShort({ message, stack }) {
  const ours = (stack ?? message).split("\n").filter((line) => !/^\s*at .*(node_modules|node:|<anonymous>)/.test(line));
  return ours.slice(0, maxLines).map((line) => `    ${line}`).join("\n");
}
