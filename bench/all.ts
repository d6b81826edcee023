/**
 * npm run bench            the hot paths, each beside another way of doing the same: a minute
 * npm run bench NAME       one of them, or one that takes longer; docs/benchmarks.md says what each of them is for
 */
const quick = ["media", "sealing", "srtp", "verify"];
const long = ["recorder", "path", "finish", "kill", "recovery", "spool", "sip", "memory", "growth", "compaction", "soak", "evidence", "fsck", "access", "directory"];

const [name] = process.argv.splice(2, 1); // what is left is the benchmark's own
if (name !== undefined && ![...quick, ...long].includes(name)) {
  console.error(`There is no benchmark “${name}”. There are: ${[...quick, ...long].join(", ")}.`);
  process.exit(2);
}
for (const one of name === undefined ? quick : [name]) await import(`./${one}.ts`);
