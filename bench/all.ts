/**
 * npm run bench            the hot paths, each beside another way of doing the same: a minute
 * npm run bench NAME       one of them, or one that takes longer: recorder, path, finish
 */
const quick = ["media", "sealing", "srtp"];
const long = ["recorder", "path", "finish"];

const name = process.argv[2];
if (name !== undefined && ![...quick, ...long].includes(name)) {
  console.error(`There is no benchmark “${name}”. There are: ${[...quick, ...long].join(", ")}.`);
  process.exit(2);
}
for (const one of name === undefined ? quick : [name]) await import(`./${one}.ts`);
