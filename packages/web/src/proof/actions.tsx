import { Button } from "@fluentui/react-components";
import { ArchiveRegular } from "@fluentui/react-icons/svg/archive";
import { ShieldTaskRegular } from "@fluentui/react-icons/svg/shield-task";
import { useSuspenseQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import type { Interaction } from "@earwitness/contract";
import { sessionQuery } from "../queries.ts";
import { useText } from "../text.ts";
import { canBundle, hasProof } from "./seal-mark.tsx";
import s from "./actions.module.css";

// Most people come to listen; what checks comes when somebody wants to check.
const VerifyDialog = lazy(async () => ({ default: (await import("./verify-dialog.tsx")).VerifyDialog }));
const BundleDialog = lazy(async () => ({ default: (await import("./bundle-dialog.tsx")).BundleDialog }));

/** What can be done about the proof of an interaction: check it here, or take it along. */
export function ProofActions({ call }: { call: Pick<Interaction, "id" | "mediaStatus"> }) {
  const text = useText();
  const { data: session } = useSuspenseQuery(sessionQuery);
  const [open, setOpen] = useState<"verify" | "bundle" | null>(null);
  const may = (permission: string): boolean => session.permissions.includes(permission);
  const mayVerify = hasProof(call) && may("recording.listen") && may("evidence.read");
  const mayExport = may("evidence.export") && canBundle(call);
  if (!mayVerify && !mayExport) return null;
  const close = () => setOpen(null);
  return (
    <div className={s.actions}>
      {mayVerify && (
        <Button icon={<ShieldTaskRegular />} onClick={() => setOpen("verify")}>
          {text("verify.do")}
        </Button>
      )}
      {mayExport && (
        <Button icon={<ArchiveRegular />} onClick={() => setOpen("bundle")}>
          {text("bundle.ask")}
        </Button>
      )}
      <Suspense fallback={null}>
        {open === "verify" && <VerifyDialog interactionId={call.id} tenant={session.tenant} onBundle={mayExport ? () => setOpen("bundle") : null} onClose={close} />}
        {open === "bundle" && <BundleDialog ids={[call.id]} tenant={session.tenant} onClose={close} />}
      </Suspense>
    </div>
  );
}
