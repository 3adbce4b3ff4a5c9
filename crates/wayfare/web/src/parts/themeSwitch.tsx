import { useState } from "preact/hooks";

import { chooseTheme, chosenTheme, type Theme } from "./theme";

const THEMES: Theme[] = ["auto", "light", "dark"];

export function ThemeSwitch() {
  const [theme, set] = useState(chosenTheme);
  return (
    <label class="theme">
      <span>Colours</span>
      <select
        value={theme}
        onChange={(event) => {
          const chosen = event.currentTarget.value as Theme;
          chooseTheme(chosen);
          set(chosen);
        }}
      >
        {THEMES.map((name) => (
          <option value={name}>{name === "auto" ? "system" : name}</option>
        ))}
      </select>
    </label>
  );
}
