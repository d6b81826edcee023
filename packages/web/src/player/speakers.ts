/**
 * The speakers' colors, beside each other in light and dark. None is red (recording) or amber (look here). Each stands out
 * from its lane by 4.5:1 at least (WCAG asks 3:1 of graphics), which the test computes; the first ones differ in lightness of hue enough for
 * color-blind eyes. The ninth speaker begins again: the lane's name tells them apart.
 */
export const speakerColors: readonly { readonly light: string; readonly dark: string }[] = [
  { light: "#4453c4", dark: "#93a0ff" },
  { light: "#557311", dark: "#a9c75a" },
  { light: "#a8327f", dark: "#ef8cc6" },
  { light: "#0f7b6c", dark: "#4cc3ab" },
  { light: "#7d45c4", dark: "#c196f2" },
  { light: "#7a5c3e", dark: "#cfae88" },
  { light: "#27709f", dark: "#74b9e8" },
  { light: "#56616b", dark: "#aab4bd" },
];

/** What lanes are drawn on, unless the system's own colors are forced. */
export const laneGrounds = { light: "#f1f3f3", dark: "#23282c" } as const;

export const speakerColor = (index: number, dark: boolean): string => {
  const color = speakerColors[index % speakerColors.length];
  return (dark ? color?.dark : color?.light) ?? "currentColor";
};
