import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "../queries.ts";
import { useText } from "../text.ts";

/** The document's title. React lifts it into the head. */
export function Title({ page }: { page: string }) {
  const text = useText();
  const { data: session } = useQuery({ ...sessionQuery, enabled: false });
  return <title>{text(session?.sandbox ? "app.title.sandbox" : "app.title", { page })}</title>;
}
