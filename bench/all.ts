/** npm run bench: the hot paths that stand so far, each beside another way of doing the same. */
import "./media.ts";
import "./sealing.ts";
import "./srtp.ts";
