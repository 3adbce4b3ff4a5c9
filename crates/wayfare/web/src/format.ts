// How values are written for people. Column names carry the unit (`*_ms`, `*_at`, `*_rate`, `share_*`).

import type { Cell, Row } from "./api";

const counts = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const percents = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export type Kind = "text" | "id" | "count" | "rate" | "duration" | "instant" | "json";

/** Ids that nobody reads across: a list shows how they begin. */
const LONG_IDS = ["invocation_id", "user_id", "correlation_id", "session_id", "app_id", "device_id", "actor_id", "target_resource_id"];

/** What a column holds, told by its name. */
export function kindOf(column: string, sample: Cell | undefined): Kind {
  if (column.endsWith("_ms")) return "duration";
  if (column.endsWith("_at") || column === "at") return "instant";
  if (/(^|_)(rate|share)(_|$)/.test(column) || column === "difference" || column.endsWith("_difference")) return "rate";
  if (column === "additional_params") return "json";
  if (LONG_IDS.includes(column)) return "id";
  if (typeof sample === "number") return "count";
  return "text";
}

/** A column's name for people: `share_of_first` → `share of first`, `user_id` → `user`, `p50_wait_ms` → `median wait`. */
export function label(column: string): string {
  return column.replace(/_(ms|at|id)$/, "").replace(/^p50_/, "median_").replaceAll("_", " ");
}

/** The same as a heading. */
export function title(column: string): string {
  const text = label(column);
  return text === "ip" || text === "os" ? text.toUpperCase() : text.charAt(0).toUpperCase() + text.slice(1);
}

export const count = (value: number): string => counts.format(value);
export const percent = (value: number): string => `${percents.format(value * 100)} %`;

/** A heading that breaks in one place only, near its middle: the other spaces do not break. */
export function twoLines(text: string): string {
  const words = text.split(" ");
  const lengths = words.slice(1).map((_, index) => Math.max(words.slice(0, index + 1).join(" ").length, words.slice(index + 1).join(" ").length));
  const at = lengths.indexOf(Math.min(...lengths)) + 1;
  return at > 0 ? `${words.slice(0, at).join("\u00a0")} ${words.slice(at).join("\u00a0")}` : text;
}

/** A difference with its sign. */
export const signed = (value: number, written: (size: number) => string): string =>
  `${value > 0 ? "+" : value < 0 ? "−" : "±"}${written(Math.abs(value))}`;

/** A difference of rates, in points. */
export function points(value: unknown): string {
  if (typeof value !== "number") return "–";
  return signed(Math.round(value * 1000) / 1000, (size) => `${(size * 100).toFixed(1)} pt`);
}

/** A p- or q-value. */
export function probability(value: Cell | undefined): string {
  if (typeof value !== "number") return "–";
  return value < 0.001 ? "< 0.001" : value.toFixed(3);
}

/** Two units at most: `4 m 43 s`, `8.4 s`, `248 ms`. */
export function duration(ms: number): string {
  const sign = ms < 0 ? "−" : "";
  const value = Math.abs(ms);
  if (value < 1000) return `${sign}${Math.round(value)} ms`;
  if (value < 60_000) return `${sign}${(value / 1000).toFixed(1)} s`;
  const units: [number, string][] = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "m"],
    [1000, "s"],
  ];
  const first = units.findIndex(([size]) => value >= size);
  const [big, bigName] = units[first] ?? [1000, "s"];
  const [small, smallName] = units[first + 1] ?? [1, "ms"];
  const rounded = Math.round(value / small) * small;
  const rest = Math.round((rounded % big) / small);
  return `${sign}${Math.floor(rounded / big)} ${bigName}${rest ? ` ${rest} ${smallName}` : ""}`;
}

/** An instant in the chosen zone: `2026-03-30 23:59:57.240`. */
export function instant(text: string, zone: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  const parts = new Intl.DateTimeFormat("sv-SE", {
    timeZone: zone || "UTC",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    hour12: false,
  }).format(date);
  return parts.replace(",", ".");
}

/** One cell as text; an absent value and a rate of nothing are a dash. */
export function text(value: Cell | undefined, kind: Kind, zone = "UTC"): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "number") {
    if (kind === "rate") return percent(value);
    if (kind === "duration") return duration(value);
    return count(value);
  }
  if (kind === "instant") return instant(String(value), zone);
  return String(value);
}

/** What stands behind a rate: numerator, denominator and 95 % interval, where the row has them. */
export function behindRate(row: Row, column: string): string | undefined {
  const part = (ending: string) => row[`${column}_${ending}`];
  const [numerator, denominator, low, high] = ["numerator", "denominator", "low", "high"].map(part);
  if (typeof numerator !== "number" || typeof denominator !== "number") return undefined;
  const of = `${count(numerator)} of ${count(denominator)}`;
  return typeof low === "number" && typeof high === "number" ? `${of}, 95 % interval ${interval(low, high)}` : of;
}

/** The bounds of a rate. */
export const interval = (low: number, high: number): string => `${percents.format(low * 100)} – ${percent(high)}`;

/** The label of a calendar interval on an axis: `5 Mar`, `5 Mar 14:00`, `Mar 2026`. */
export function axisDate(label: string, kind: string): string {
  const [, year = "", month = "", day = "", time = ""] = /^(\d{4})-(\d\d)-(\d\d)(?:T(.*))?$/.exec(label) ?? [];
  const name = MONTHS[Number(month) - 1];
  if (!name) return label;
  if (kind === "month") return `${name} ${year}`;
  return `${Number(day)} ${name}${time ? ` ${time}` : ""}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export const RATE_PARTS = /_(numerator|denominator|low|high)$/;
