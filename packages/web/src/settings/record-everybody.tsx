import { Button } from "@fluentui/react-components";
import { CheckmarkCircleRegular } from "@fluentui/react-icons/svg/checkmark-circle";
import type { Trunk } from "@earwitness/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { api, problemOf } from "../api.ts";
import { useProblemWords } from "../frame/notice.tsx";
import { pages } from "../paths.ts";
import { trunkQuery } from "../queries.ts";
import { useText } from "../text.ts";
import s from "./invitations.module.css";

/** Beside a call that nobody wanted recorded: the trunk records everybody from now on, or `instead`: its people are entered. Asked first, because it concerns every call. */
export function RecordEverybody({ trunk, instead }: { trunk: Trunk; instead: ReactNode }) {
  const text = useText();
  const words = useProblemWords();
  const queryClient = useQueryClient();
  const [isAsked, setIsAsked] = useState(false);
  const { name } = trunk.settings;
  const record = useMutation({
    // As it is now, not as the list knew it: only this one thing changes.
    mutationFn: async () => {
      const { value, etag } = await api.trunk(trunk.id);
      return await api.changeTrunk(trunk.id, { ...value.settings, unknown: "record" }, etag);
    },
    onSuccess: (fresh) => {
      queryClient.setQueryData(trunkQuery(trunk.id).queryKey, fresh);
      return queryClient.invalidateQueries({ queryKey: ["trunks"] });
    },
  });
  if (record.isSuccess) {
    return (
      <p role="status" className={s.allowed}>
        <CheckmarkCircleRegular /> {text("invitations.everybody.done", { trunk: name })}
      </p>
    );
  }
  if (trunk.settings.unknown === "record") return null;
  if (!isAsked) {
    return (
      <div className={s.allow}>
        <Button size="small" onClick={() => setIsAsked(true)}>
          {text("invitations.everybody")}
        </Button>
        {instead ?? (
          <Link {...pages.newPerson()} className={s.all}>
            {text("invitations.person")}
          </Link>
        )}
      </div>
    );
  }
  return (
    <div className={s.allow} role="group" aria-label={text("invitations.everybody")}>
      <Button size="small" appearance="primary" disabled={record.isPending} onClick={() => record.mutate()}>
        {text("invitations.everybody")}
      </Button>
      <Button size="small" onClick={() => setIsAsked(false)}>
        {text("settings.cancel")}
      </Button>
      <span>{text("invitations.everybody.sure", { trunk: name })}</span>
      {record.isError && (
        <span role="alert" className={s.failed}>
          {words(problemOf(record.error)).detail}
        </span>
      )}
    </div>
  );
}
