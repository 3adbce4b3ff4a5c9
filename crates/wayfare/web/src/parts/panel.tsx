// A panel: a title, the state of its report, and ways to take the report away.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

import { download, type Problem, type Report, type Spec } from "../api";
import type { UseReport } from "./useReport";

interface Props {
  title: string;
  /** What the panel shows, in one sentence. */
  hint?: string;
  name: string;
  spec: Spec | null;
  use: UseReport;
  /** Saves the panel's chart, where it has one. */
  png?: (() => void) | undefined;
  /** Choices that change what the panel shows. */
  tools?: ComponentChildren;
  /** Pixels to keep free while the first answer is on its way, so that the page does not jump. */
  room?: number;
  children: (answer: Report) => ComponentChildren;
}

export function Panel({ title, hint, name, spec, use, png, tools, room, children }: Props) {
  const { asked, answer } = use;
  return (
    <section class="panel" aria-busy={asked.state === "loading"} aria-label={title}>
      <header class="panel-head">
        <div>
          <h2>{title}</h2>
          {hint && <p class="hint">{hint}</p>}
        </div>
        <div class="panel-tools">
          {tools}
          {spec && <Downloads name={name} spec={answer ? whole(spec, answer) : spec} png={png} title={title} />}
        </div>
      </header>
      <div class="panel-body" aria-live="polite">
        {asked.state === "loading" && <Waiting since={asked.since} cancel={use.cancel} quiet={answer !== undefined} room={room ?? ROOM} />}
        {asked.state === "failed" && <Trouble problem={asked.problem} retry={use.retry} />}
        {asked.state === "cancelled" && (
          <div class="trouble">
            <p>Cancelled.</p>
            <button type="button" onClick={use.retry}>
              Ask again
            </button>
          </div>
        )}
        {answer && (answer.rows.length ? children(answer) : <Empty answer={answer} />)}
      </div>
    </section>
  );
}

/** What was wrong with a question, where its answer would stand. */
export function Trouble({ problem, retry }: { problem: Problem; retry: () => void }) {
  return (
    <div class="trouble" role="alert">
      <strong>{problem.title}</strong>
      <p>{problem.detail}</p>
      {problem.hint && <p>{problem.hint}</p>}
      {problem.requestId && <p class="faint">request {problem.requestId}</p>}
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

/** The question for all rows, where a page shows some of them. */
function whole(spec: Spec, answer: Report): Spec {
  const total = answer.rows_total ?? 0;
  return total > answer.rows.length ? { ...spec, limit: total } : spec;
}

/** Pixels of a table of a few rows. */
const ROOM = 160;

interface WaitingProps {
  since: number;
  cancel: () => void;
  /** An older answer is still in sight. */
  quiet: boolean;
  room: number;
}

/** Says that something is going on, and after a while lets it be stopped. */
function Waiting({ since, cancel, quiet, room }: WaitingProps) {
  const [seconds, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((performance.now() - since) / 1000), 250);
    return () => clearInterval(timer);
  }, [since]);
  return (
    <>
      {seconds >= 1 && (
        <div class="waiting" role="status">
          <span>{seconds.toFixed(0)} s</span>
          <button type="button" onClick={cancel}>
            Cancel
          </button>
        </div>
      )}
      {quiet ? <div class="bar" /> : <div class="skeleton" role="img" aria-label="loading" style={{ height: `${room}px` }} />}
    </>
  );
}

function Empty({ answer }: { answer: Report }) {
  const notes = answer.notes ?? [];
  return (
    <div class="empty">
      <p>Nothing here.</p>
      {notes.length ? notes.map((note) => <p class="faint">{note}</p>) : <p class="faint">Widen the range or drop a condition.</p>}
    </div>
  );
}

function Downloads({ name, spec, png, title }: { name: string; spec: Spec; png?: (() => void) | undefined; title: string }) {
  const [problem, set] = useState("");
  const take = (format: "csv" | "json" | "parquet") => () =>
    download(name, spec, format).then(
      () => set(""),
      (cause: unknown) => set(String(cause)),
    );
  return (
    <div class="takeaway" role="group" aria-label={`Download ${title}`}>
      {problem && <span class="faint">{problem}</span>}
      <button type="button" onClick={take("csv")}>
        CSV
      </button>
      <button type="button" onClick={take("json")}>
        JSON
      </button>
      <button type="button" onClick={take("parquet")}>
        Parquet
      </button>
      {png && (
        <button type="button" onClick={png}>
          PNG
        </button>
      )}
    </div>
  );
}

/** The remarks of a report, such as what a limit left out. */
export function Notes({ answer }: { answer: Report }) {
  const notes = [...(answer.notes ?? [])];
  const cut = (answer.rows_total ?? answer.rows.length) - answer.rows.length;
  if (cut > 0) notes.push(`${cut.toLocaleString("en")} more rows are not shown`);
  if (!notes.length) return null;
  return (
    <ul class="notes">
      {notes.map((note) => (
        <li>{note}</li>
      ))}
    </ul>
  );
}
