// Which runs are looked at: the part of a spec that every report shares, read from the address.

import type { Spec } from "./api";

/** The scope of a report's spec, from the query of the page. */
export function scopeSpec(query: URLSearchParams): Spec {
  const spec: Spec = {};
  for (const key of ["journey", "version", "where"]) {
    const values = query.getAll(key);
    if (values.length) spec[key] = values;
  }
  for (const key of ["from", "to", "tz", "as_of"]) {
    const value = query.get(key);
    if (value) spec[key] = value;
  }
  return spec;
}

/** Writes one condition as the engine reads it; the value is quoted where it needs to be. */
export function condition(column: string, value: string | number | boolean | null): string {
  if (value === null) return `${column} is null`;
  return `${column}=${quoted(String(value))}`;
}

/** Writes the condition that a column has one of some values. */
export const among = (column: string, values: string[]): string => `${column} in (${values.map(quoted).join(", ")})`;

/** A value as conditions have it: in quotes where it needs to be. */
function quoted(text: string): string {
  return /^[\w.:-]+$/.test(text) ? text : `"${text.replaceAll('"', '""')}"`;
}

/** Conditions that someone wrote with commas between them; a comma in quotes or brackets belongs to a value. */
export function conditionsOf(text: string): string[] {
  const parts = text.match(/(?:(?<!\w)"[^"]*"?|(?<!\w)'[^']*'?|\([^)]*\)?|[^,(])+/g) ?? [];
  return parts.map((part) => part.trim()).filter(Boolean);
}

/** Reads a column's condition back, for the filters that have a field of their own. */
export function conditionValue(query: URLSearchParams, column: string): string {
  const found = query.getAll("where").find((text) => text.startsWith(column + "="));
  return found ? found.slice(column.length + 1).replace(/^"(.*)"$/, (_, inner: string) => inner.replaceAll('""', '"')) : "";
}

/** The conditions of a query with the one on `column` replaced. */
export function withCondition(query: URLSearchParams, column: string, value: string): string[] {
  const others = query.getAll("where").filter((text) => !text.startsWith(column + "="));
  return value ? [...others, condition(column, value)] : others;
}
