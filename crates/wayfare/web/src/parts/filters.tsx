// What is looked at: journey, version, range, zone, conditions. Everything goes into the address.

import { useState } from "preact/hooks";

import type { Report } from "../api";
import { address, changed, go, type Route } from "../route";
import { withCondition, conditionValue } from "../scope";
import { useReport } from "./useReport";

const RANGES: [string, string][] = [
  ["", "All time"],
  ["-24h", "Last 24 hours"],
  ["-7d", "Last 7 days"],
  ["-30d", "Last 30 days"],
];

const ZONES = ["UTC", "Europe/London", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Jerusalem", "Asia/Tokyo", "Australia/Sydney"];

/** Filters with a field of their own; every other condition is a chip. */
const FIELDS = ["platform", "country"];

interface Props {
  route: Route;
  journeys: Report | undefined;
  /** Whether the page is about runs; a log of events has no journey to choose. */
  runs: boolean;
}

export function Filters({ route, journeys, runs }: Props) {
  const { query } = route;
  const set = (changes: Record<string, string | string[] | null>) =>
    go(address(route.path, changed(query, { after: null, page: null, ...changes })));
  const onJourney = route.path[0] === "journey";
  const from = query.get("from") ?? "";
  const to = query.get("to") ?? "";
  const preset = RANGES.some(([value]) => value === from) && !to;
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zones = [...new Set([...ZONES, own, query.get("tz") ?? "UTC"])].filter(Boolean);
  const behind = query.get("behind");
  const chips = query.getAll("where").filter((text) => !FIELDS.some((field) => text.startsWith(field + "=")));

  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      {runs && (
        <Choice
          label="Journey"
          value={query.get("journey") ?? ""}
          options={(journeys?.rows ?? []).map((row) => String(row["journey_id"] ?? ""))}
          all={onJourney ? null : "All journeys"}
          set={(journey) => set({ journey, version: null, step: null, list: null, behind: null, a: null, b: null })}
        />
      )}
      {runs && <Versions route={route} journey={query.get("journey")} set={set} />}
      <label>
        Range
        <select
          value={preset ? from : "own"}
          onChange={(event) => {
            const chosen = event.currentTarget.value;
            if (chosen === "own") set({ from: from || "-7d", to: to || "now" });
            else set({ from: chosen, to: null });
          }}
        >
          {RANGES.map(([value, name]) => (
            <option value={value}>{name}</option>
          ))}
          <option value="own">From … to …</option>
        </select>
      </label>
      {!preset && (
        <>
          <Field label="From" value={from} hint="2026-03-01, -7d, yesterday" set={(text) => set({ from: text })} />
          <Field label="To" value={to} hint="2026-03-08, now" set={(text) => set({ to: text })} />
        </>
      )}
      <Choice label="Time zone" value={query.get("tz") ?? "UTC"} options={zones} all={null} set={(tz) => set({ tz: tz === "UTC" ? null : tz })} />
      {runs && FIELDS.map((field) => <Values column={field} route={route} set={set} />)}
      <Field
        label="Condition"
        value=""
        hint={runs ? "os=iOS, retries > 0" : "os=iOS"}
        set={(text) => text.trim() && set({ where: [...query.getAll("where"), text.trim()] })}
      />
      {chips.map((text) => (
        <Chip text={text} remove={() => set({ where: query.getAll("where").filter((other) => other !== text) })} />
      ))}
      {behind && <Chip text={behind} remove={() => set({ behind: null })} />}
    </form>
  );
}

function Chip({ text, remove }: { text: string; remove: () => void }) {
  return (
    <span class="chip">
      {text}
      <button type="button" aria-label={`Remove condition ${text}`} onClick={remove}>
        ×
      </button>
    </span>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: string[];
  /** The text of "no choice"; `null` where one has to be chosen. */
  all: string | null;
  set: (value: string) => void;
}

function Choice({ label, value, options, all, set }: ChoiceProps) {
  const listed = value && !options.includes(value) ? [value, ...options] : options;
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => set(event.currentTarget.value)}>
        {all !== null && <option value="">{all}</option>}
        {listed.map((option) => (
          <option value={option}>{option}</option>
        ))}
      </select>
    </label>
  );
}

type Set = (changes: Record<string, string | string[] | null>) => void;

function Versions({ route, journey, set }: { route: Route; journey: string | null | undefined; set: Set }) {
  const { answer } = useReport("overview", journey ? { journey: [journey], by: ["journey_version"] } : null, "choices");
  if (!journey) return null;
  const options = (answer?.rows ?? []).map((row) => String(row["journey_version"] ?? ""));
  return (
    <Choice
      label="Version"
      value={route.query.get("version") ?? ""}
      options={options}
      all="All versions"
      set={(version) => set({ version })}
    />
  );
}

function Values({ column, route, set }: { column: string; route: Route; set: Set }) {
  const { answer } = useReport("values", { column, limit: 200 }, "choices");
  const options = (answer?.rows ?? []).map((row) => row["value"]).filter((value) => value !== null).map(String).sort();
  return (
    <Choice
      label={column.charAt(0).toUpperCase() + column.slice(1)}
      value={conditionValue(route.query, column)}
      options={options}
      all="Any"
      set={(value) => set({ where: withCondition(route.query, column, value) })}
    />
  );
}

/** A text field that speaks when it is left or Enter is pressed. */
function Field({ label, value, hint, set }: { label: string; value: string; hint: string; set: (text: string) => void }) {
  const [text, write] = useState<string | null>(null);
  const done = () => {
    if (text !== null && text !== value) set(text);
    write(null);
  };
  return (
    <label>
      {label}
      <input
        type="text"
        placeholder={hint}
        spellcheck={false}
        value={text ?? value}
        onInput={(event) => write(event.currentTarget.value)}
        onBlur={done}
        onKeyDown={(event) => event.key === "Enter" && done()}
      />
    </label>
  );
}
