import { PlugDisconnectedRegular } from "@fluentui/react-icons/svg/plug-disconnected";
import { useRouter } from "@tanstack/react-router";
import { Fault } from "../frame/notice.tsx";
import { Title } from "../frame/title.tsx";
import { useText } from "../text.ts";

/** When not even the session could be read, or a page fell over. */
export function FaultPage({ error }: { error: unknown }) {
  const text = useText();
  const router = useRouter();
  return (
    <main>
      <Title page={text("fault.title")} />
      <Fault alone error={error} icon={<PlugDisconnectedRegular />} onRetry={() => void router.invalidate()} />
    </main>
  );
}
