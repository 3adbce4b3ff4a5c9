// Light, dark, or as the system says.

import { useEffect, useState } from "preact/hooks";

export type Theme = "auto" | "light" | "dark";

const KEY = "wayfare-theme";
const CHANGED = "wayfare:theme";

export function chosenTheme(): Theme {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : "auto";
}

export function chooseTheme(theme: Theme): void {
  if (theme === "auto") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme);
  applyTheme();
  dispatchEvent(new Event(CHANGED));
}

export function applyTheme(): void {
  const theme = chosenTheme();
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

/** Changes whenever the colours do; charts draw again then. */
export function useTheme(): string {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  // paper is light
  const paper = matchMedia("print");
  const read = () => `${chosenTheme()}-${dark.matches}-${paper.matches}`;
  const [theme, set] = useState(read);
  useEffect(() => {
    const update = () => set(read());
    dark.addEventListener("change", update);
    paper.addEventListener("change", update);
    addEventListener(CHANGED, update);
    return () => {
      dark.removeEventListener("change", update);
      paper.removeEventListener("change", update);
      removeEventListener(CHANGED, update);
    };
  }, []);
  return theme;
}
