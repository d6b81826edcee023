import { createDarkTheme, createLightTheme, type BrandVariants, type Theme } from "@fluentui/react-components";
import { useSyncExternalStore } from "react";

/** One accent: petrol. 80 carries white text at 5.4:1. */
const petrol: BrandVariants = {
  10: "#011418", 20: "#062126", 30: "#083138", 40: "#093e47", 50: "#0a4b56", 60: "#0b5966", 70: "#0c6776", 80: "#0e7585",
  90: "#2b8494", 100: "#4492a1", 110: "#5ca0ae", 120: "#73afbb", 130: "#8bbec8", 140: "#a3ccd5", 150: "#bcdbe1", 160: "#d6eaee",
};

/** Red means recording now and nothing else: what is wrong in a form, or failed, is amber. */
const mistakes = (text: string, ground: string) => ({
  colorPaletteRedForeground1: text,
  colorPaletteRedForeground3: text,
  colorPaletteRedBorder1: text,
  colorPaletteRedBorder2: text,
  colorPaletteRedBackground1: ground,
  colorStatusDangerForeground1: text,
  colorStatusDangerForeground3: text,
  colorStatusDangerBorder1: text,
  colorStatusDangerBorder2: text,
  colorStatusDangerBackground1: ground,
});

const type = {
  fontFamilyBase: "'Segoe UI Variable Text', 'Segoe UI', -apple-system, Roboto, 'Noto Sans', 'Liberation Sans', 'Helvetica Neue', Arial, sans-serif",
  fontFamilyMonospace: "ui-monospace, 'Cascadia Mono', 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace",
};

export const lightTheme: Theme = {
  ...createLightTheme(petrol),
  ...type,
  ...mistakes("#8f5300", "#fff4dc"),
  colorNeutralBackground2: "#f7f8f8",
  colorNeutralBackground3: "#f1f3f3",
  colorNeutralStroke3: "#eceeee",
};

/** Cooler and deeper than Fluent's own dark: the timeline's colors stand on it for hours. */
export const darkTheme: Theme = {
  ...createDarkTheme(petrol),
  ...type,
  ...mistakes("#f5b95c", "#35290f"),
  colorNeutralBackground1: "#1c2023",
  colorNeutralBackground1Hover: "#272c30",
  colorNeutralBackground1Pressed: "#16191c",
  colorNeutralBackground1Selected: "#2c3237",
  colorNeutralBackground2: "#15181a",
  colorNeutralBackground3: "#101214",
  colorSubtleBackgroundHover: "#272c30",
  colorSubtleBackgroundPressed: "#202427",
  colorNeutralStroke1: "#5d656b",
  colorNeutralStroke2: "#3b4247",
  colorNeutralStroke3: "#2a2f33",
  colorNeutralForeground1: "#f3f5f6",
  colorBrandForeground1: "#73afbb",
  colorBrandForegroundLink: "#8bbec8",
  colorBrandForegroundLinkHover: "#a3ccd5",
};

export type Appearance = "system" | "light" | "dark";
const key = "earwitness.appearance";
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

export function appearance(): Appearance {
  const stored = localStorage.getItem(key);
  return stored === "light" || stored === "dark" ? stored : "system";
}

export const isDark = (): boolean => (appearance() === "system" ? prefersDark.matches : appearance() === "dark");

/** The root element knows too: its own colors, the browser's controls and scroll bars follow it. */
function apply(): void {
  document.documentElement.dataset["theme"] = isDark() ? "dark" : "light";
  for (const listener of listeners) listener();
}

export function setAppearance(next: Appearance): void {
  if (next === "system") localStorage.removeItem(key);
  else localStorage.setItem(key, next);
  apply();
}

prefersDark.addEventListener("change", apply);
apply();

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};
export const useIsDark = (): boolean => useSyncExternalStore(subscribe, isDark);
export const useAppearance = (): Appearance => useSyncExternalStore(subscribe, appearance);
