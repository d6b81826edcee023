import { Button, MessageBar, MessageBarBody } from "@fluentui/react-components";
import { useText } from "../text.ts";
import s from "./save-bar.module.css";

interface SaveBarProps {
  readonly action: string;
  readonly changed: boolean;
  readonly saving: boolean;
  readonly saved: boolean;
  /** How many fields are said to be wrong. */
  readonly mistakes: number;
  /** What failed that belongs to no field. */
  readonly failure: string | null;
  /** What was saved elsewhere meanwhile. */
  readonly news: string | null;
  readonly onDiscard: () => void;
}

/** Stays in sight at the lower edge: what is typed is either saved or says that it is not. */
export function SaveBar({ action, changed, saving, saved, mistakes, failure, news, onDiscard }: SaveBarProps) {
  const text = useText();
  return (
    <footer className={s.bar} data-changed={changed || undefined}>
      {failure !== null && (
        <MessageBar intent="error" layout="multiline" role="alert">
          <MessageBarBody>{failure}</MessageBarBody>
        </MessageBar>
      )}
      {news !== null && (
        <MessageBar intent="warning" layout="multiline" role="alert">
          <MessageBarBody>{news}</MessageBarBody>
        </MessageBar>
      )}
      <div className={s.actions}>
        <Button type="submit" appearance="primary" disabled={!changed || saving}>
          {action}
        </Button>
        <Button disabled={!changed || saving} onClick={onDiscard}>
          {text("settings.discard")}
        </Button>
        <span role="status" className={s.state} data-wrong={mistakes > 0 || undefined}>
          {saving ? text("settings.saving") : mistakes > 0 ? text("settings.mistakes", { count: mistakes }) : changed ? text("settings.unsaved") : saved ? text("settings.saved") : ""}
        </span>
      </div>
    </footer>
  );
}
