import { useState } from "preact/hooks";

import { token } from "../api";

/** Asks for a token where the server wants one; it stays in this tab only. */
export function SignIn({ onToken }: { onToken: () => void }) {
  const [value, set] = useState("");
  return (
    <main class="signin">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          token.set(value.trim());
          onToken();
        }}
      >
        <h1>Wayfare</h1>
        <p>{token.get() ? "This token does not open the reports." : "This server wants a token."}</p>
        <label>
          Token
          <input type="password" autocomplete="current-password" value={value} onInput={(event) => set(event.currentTarget.value)} />
        </label>
        <button type="submit">Open</button>
        <p class="faint">Made by `wayfare token create`. It is kept until this tab is closed.</p>
      </form>
    </main>
  );
}
