import { useFieldControlProps_unstable } from "@fluentui/react-components";
import { DismissRegular } from "@fluentui/react-icons/svg/dismiss";
import { useRef, useState } from "react";
import { useText } from "../text.ts";
import s from "./tokens.module.css";

interface TokensProps {
  readonly value: readonly string[];
  readonly onChange: (tokens: string[]) => void;
  readonly placeholder?: string;
  /** How one is shown; as it is where absent. */
  readonly show?: (token: string) => string;
  /** Places of those that are wrong. */
  readonly wrong?: ReadonlySet<number>;
}

const parted = (text: string): string[] => text.split(/[\s,;]+/).filter((one) => one !== "");

/**
 * A list of short texts without spaces. A separator, Enter or leaving the field makes one of what was typed; a pasted list becomes
 * many at once. One that is there is taken up again by pressing it, and Backspace takes up the last.
 */
export function Tokens({ value, onChange, placeholder, show = (token) => token, wrong }: TokensProps) {
  const text = useText();
  const input = useRef<HTMLInputElement>(null);
  const field = useFieldControlProps_unstable<React.InputHTMLAttributes<HTMLInputElement>>({}, { supportsLabelFor: true });
  const [typed, setTyped] = useState("");
  const take = (typedText: string): void => {
    const found = parted(typedText);
    setTyped("");
    if (found.length > 0) onChange([...new Set([...value, ...found])]);
  };
  const takeUp = (at: number): void => {
    const rest = value.filter((_, index) => index !== at);
    onChange([...new Set([...rest, ...parted(typed)])]);
    setTyped(show(value[at] ?? ""));
    input.current?.focus();
  };
  return (
    // The box only leads a press beside its parts into the field; everything in it has a control of its own.
    <div className={s.box} data-wrong={(wrong?.size ?? 0) > 0 || undefined} onPointerDown={(event) => {
      if (event.target !== event.currentTarget) return;
      event.preventDefault();
      input.current?.focus();
    }}>
      {value.map((token, at) => (
        <span key={token} className={s.token} data-wrong={wrong?.has(at) || undefined}>
          <button type="button" className={s.text} aria-label={text("tokens.edit", { what: show(token) })} onClick={() => takeUp(at)}>
            {show(token)}
          </button>
          <button type="button" className={s.remove} aria-label={text("tokens.remove", { what: show(token) })} onClick={() => (onChange(value.filter((_, index) => index !== at)), input.current?.focus())}>
            <DismissRegular />
          </button>
        </span>
      ))}
      <input
        {...field}
        ref={input}
        className={s.input}
        value={typed}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        placeholder={value.length === 0 ? placeholder : undefined}
        onChange={(event) => {
          const next = event.target.value;
          if (/[\s,;]/.test(next)) take(next);
          else setTyped(next);
        }}
        onBlur={() => take(typed)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && typed !== "") {
            event.preventDefault();
            take(typed);
          } else if (event.key === "Backspace" && typed === "" && value.length > 0) {
            event.preventDefault();
            takeUp(value.length - 1);
          }
        }}
      />
    </div>
  );
}
