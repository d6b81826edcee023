/**
 * What every process of ours that decodes Opus in threads is started with. V8 guards compiled code with memory protection keys where
 * the processor has them, and its list of such pages is not safe when WebAssembly is compiled and dropped in several threads at once:
 * the whole process aborts ("Check failed: jit_page.has_value()", seen twice in thirty runs of the codecs' tests on two busy cores;
 * nodejs/node#64500). Code that was never WebAssembly's is protected by page rights as before.
 */
export const nodeFlags = ["--disable-warning=ExperimentalWarning", "--no-memory-protection-keys"];
