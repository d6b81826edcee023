import { useMemo } from "react";
import { useIntl } from "react-intl";
import type { MessageId } from "./messages/en.ts";
import type { Reader } from "./time.ts";

export type Values = Record<string, string | number | boolean | null | undefined>;
export type Text = (id: MessageId, values?: Values) => string;

/** The words of the portal in the reader's language. */
export function useText(): Text {
  const intl = useIntl();
  return useMemo(() => (id, values) => intl.formatMessage({ id }, values), [intl]);
}

/** Whose eyes the times are for. */
export function useReader(): Reader {
  const { locale, timeZone } = useIntl();
  return useMemo(() => ({ locale, timeZone: timeZone ?? "UTC" }), [locale, timeZone]);
}
