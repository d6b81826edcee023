import { Button, Spinner } from "@fluentui/react-components";
import { PlayRegular } from "@fluentui/react-icons/svg/play";
import { useMutation } from "@tanstack/react-query";
import { interactionPaths, parseManifest, readAll } from "@earwitness/verify";
import { api, problemOf } from "../api.ts";
import { useText } from "../text.ts";
import { openArchive, type Outcome } from "./check.ts";
import s from "./verify.module.css";

const mostManifestBytes = 256 * 1024 * 1024;

/** It was asked for by a click; a browser that will not play all the same leaves its button. */
const begin = (audio: HTMLAudioElement | null): void => void audio?.play().catch(() => undefined);

/** Plays the packets that were proved, decoded here: what is heard is what was checked. Listening is noted as everywhere. */
export function Hear({ archive, outcome }: { archive: Blob; outcome: Outcome }) {
  const text = useText();
  const sound = useMutation({
    mutationFn: async () => {
      const interaction = outcome.interaction!;
      const [files, { createSounds }] = [await openArchive(archive), await import("@earwitness/evidence-page/sound")];
      const path = interactionPaths(interaction.id).manifest;
      const manifest = parseManifest(await readAll(files.get(path)!.open(), mostManifestBytes, path));
      const sounds = createSounds(manifest, interaction, files, outcome.report);
      await api.startPlay(interaction.id);
      return await sounds.address(null);
    },
  });
  return (
    <section className={s.hear}>
      {sound.data === undefined ? (
        <Button icon={sound.isPending ? <Spinner size="extra-tiny" /> : <PlayRegular />} disabled={sound.isPending} onClick={() => sound.mutate()}>
          {text("verify.hear")}
        </Button>
      ) : (
        <audio ref={begin} controls src={sound.data} aria-label={text("verify.hear.label")} />
      )}
      <p className={s.soft}>{text("verify.hear.why")}</p>
      {sound.isError && <p role="alert">{text("verify.hear.failed", { why: problemOf(sound.error).detail ?? "" })}</p>}
    </section>
  );
}
