/**
 * What every process of ours with threads is started with. V8 keeps a list of the pages that hold compiled code, one for the process;
 * where WebAssembly is compiled and dropped in several threads at once it may look for a page that the list no longer has, and the
 * process aborts ("Check failed: jit_page.has_value()", seen twice in thirty runs of the codecs' tests on two busy cores;
 * nodejs/node#64500). Without memory protection keys there is less of that list; docs/decisions/0019 says what else is done.
 */
export const nodeFlags = ["--disable-warning=ExperimentalWarning", "--no-memory-protection-keys"];
