// How values are written for people. Column names carry the unit (`*_ms`, `*_at`, `*_rate`, `share_*`).

import type { Cell, Row } from "./api";

const counts = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const percents = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export type Kind = "text" | "count" | "rate" | "duration" | "instant" | "json";

/** What a column holds, told by its name. */
export function kindOf(column: string, sample: Cell | undefined): Kind {
  if (column.endsWith("_ms")) return "duration";
  if (column.endsWith("_at") || column === "at") return "instant";
  if (/(^|_)(rate|share)(_|$)/.test(column) || column === "difference" || column.endsWith("_difference")) return "rate";
  if (column === "additional_params") return "json";
  if (typeof sample === "number") return "count";
  return "text";
}

/** A column's name for people: `share_of_first` → `share of first`, `user_id` → `user`. */
export function label(column: string): string {
  return column.replace(/_(ms|at|id)$/, "").replaceAll("_", " ");
}

export const count = (value: number): string => counts.format(value);
export const percent = (value: number): string => `${percents.format(value * 100)} %`;

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
  return typeof low === "number" && typeof high === "number"
    ? `${of}, 95 % interval ${percents.format(low * 100)} – ${percent(high)}`
    : of;
}

export const RATE_PARTS = /_(numerator|denominator|low|high)$/;
