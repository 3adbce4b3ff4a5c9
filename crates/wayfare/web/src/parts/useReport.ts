// One report on the page: asked for when its spec changes, cancelled when nobody looks any more.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { Problem, report, type Report, type Spec } from "../api";
import { inTurn, type Purpose } from "./asking";

export type Asked =
  | { state: "loading"; since: number; before?: Report | undefined }
  | { state: "ready"; answer: Report }
  | { state: "failed"; problem: Problem }
  | { state: "cancelled" };

export interface UseReport {
  asked: Asked;
  answer: Report | undefined;
  retry: () => void;
  cancel: () => void;
}

/** Asks for a report when it is its turn; `null` asks for nothing. */
export function useReport(name: string, spec: Spec | null, purpose: Purpose = "content"): UseReport {
  const key = spec === null ? null : name + JSON.stringify(spec);
  const [asked, set] = useState<Asked>({ state: "loading", since: performance.now() });
  const [round, again] = useState(0);
  const running = useRef<AbortController | null>(null);

  useEffect(() => {
    if (key === null || spec === null) return;
    const controller = new AbortController();
    running.current = controller;
    set((last) => ({ state: "loading", since: performance.now(), before: last.state === "ready" ? last.answer : undefined }));
    inTurn(purpose, controller.signal, () => report(name, spec, controller.signal))
      .then((answer) => set({ state: "ready", answer }))
      .catch((cause: unknown) => {
        if (controller.signal.aborted) return;
        set({ state: "failed", problem: cause instanceof Problem ? cause : new Problem(0, "The page failed", String(cause), null) });
      });
    return () => controller.abort();
  }, [key, round]);

  const cancel = useCallback(() => {
    running.current?.abort();
    set({ state: "cancelled" });
  }, []);
  const answer = asked.state === "ready" ? asked.answer : asked.state === "loading" ? asked.before : undefined;
  return { asked, answer, retry: () => again((n) => n + 1), cancel };
}
