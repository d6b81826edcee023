import { Textarea } from "@fluentui/react-components";
import { useState } from "react";

interface LinesProps {
  readonly value: readonly string[];
  readonly onChange: (lines: string[]) => void;
  readonly placeholder?: string;
  readonly rows?: number;
}

/** A list of texts, one on each line. What is typed stays as typed, empty lines and spaces too; only the list is without them. */
export function Lines({ value, onChange, placeholder, rows = 3, ...field }: LinesProps) {
  const [typed, setTyped] = useState(value.join("\n"));
  const listed = (text: string): string[] => text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const shown = listed(typed).join("\n") === value.join("\n") ? typed : value.join("\n");
  return (
    <Textarea
      {...field}
      value={shown}
      rows={rows}
      resize="vertical"
      {...(placeholder === undefined ? {} : { placeholder })}
      onChange={(_, { value: text }) => {
        setTyped(text);
        onChange(listed(text));
      }}
    />
  );
}
