// A real table for every report: numbers to the right, rates with what stands behind them, links to what they count.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import type { Cell, Report, Row } from "../api";
import { RATE_PARTS, behindRate, count, kindOf, text, title, twoLines, type Kind } from "../format";

export interface Column {
  name: string;
  title?: string;
  /** Where a click on the cell leads. */
  href?: (row: Row) => string | null;
  /** Draws the cell instead of its text. */
  cell?: (row: Row) => ComponentChildren;
  kind?: Kind;
  /** Where a rate's numerator and denominator lead; with it both are shown beneath the rate. */
  parts?: (row: Row) => [string | null, string | null];
  /** Draws a bar of this share beside the number. */
  bar?: (row: Row) => number | null;
}

interface Props {
  answer: Report;
  columns?: (string | Column)[];
  caption: string;
  zone: string;
  /** Marks a row, such as the one that is open. */
  current?: (row: Row) => boolean;
  /** Sorting by the server: the current order and how to ask for another. */
  sort?: { by: string; set: (by: string) => void } | undefined;
  /** What a row opens to. */
  detail?: (row: Row) => ComponentChildren;
  /** Draws a row back, such as one that counts nothing. */
  faded?: (row: Row) => boolean;
}

/** The columns of a report for people: without the parts of rates. */
export function plainColumns(answer: Report): string[] {
  const first = answer.rows[0] ?? {};
  return Object.keys(first).filter((name) => !RATE_PARTS.test(name));
}

export function Table({ answer, columns, caption, zone, current, sort, detail, faded }: Props) {
  const shown: Column[] = (columns ?? plainColumns(answer))
    .map((column) => (typeof column === "string" ? { name: column } : column))
    .filter((column) => column.cell || answer.rows.some((row) => column.name in row));
  const kinds = new Map(
    shown.map((column) => {
      const sample = answer.rows.find((row) => row[column.name] !== null && row[column.name] !== undefined);
      return [column.name, column.kind ?? kindOf(column.name, sample?.[column.name])];
    }),
  );
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {detail && (
              <th scope="col">
                <span class="unseen">Details</span>
              </th>
            )}
            {shown.map((column) => (
              <th scope="col" class={`is-${kinds.get(column.name)}`} aria-sort={order(sort?.by, column.name)}>
                {sort && column.name in (answer.rows[0] ?? {}) ? (
                  <button type="button" onClick={() => sort.set(sort.by === `-${column.name}` ? column.name : `-${column.name}`)}>
                    {twoLines(column.title ?? title(column.name))}
                  </button>
                ) : (
                  twoLines(column.title ?? title(column.name))
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {answer.rows.map((row) => (
            <Line
              row={row}
              shown={shown}
              kinds={kinds}
              zone={zone}
              look={current?.(row) ? "current" : faded?.(row) ? "faded" : undefined}
              detail={detail}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface LineProps {
  row: Row;
  shown: Column[];
  kinds: Map<string, Kind>;
  zone: string;
  look: "current" | "faded" | undefined;
  detail: ((row: Row) => ComponentChildren) | undefined;
}

function Line({ row, shown, kinds, zone, look, detail }: LineProps) {
  const [open, show] = useState(false);
  return (
    <>
      <tr class={look}>
        {detail && (
          <td class="opener">
            <button type="button" aria-expanded={open} aria-label="Details" onClick={() => show(!open)}>
              {open ? "▾" : "▸"}
            </button>
          </td>
        )}
        {shown.map((column) => (
          <TableCell row={row} column={column} kind={kinds.get(column.name) ?? "text"} zone={zone} />
        ))}
      </tr>
      {detail && open && (
        <tr class="detail">
          <td colSpan={shown.length + 1}>{detail(row)}</td>
        </tr>
      )}
    </>
  );
}

function order(by: string | undefined, name: string): "ascending" | "descending" | undefined {
  if (by === name) return "ascending";
  return by === `-${name}` ? "descending" : undefined;
}

/** What a rate was divided from and by: `12 of 40`. */
export function Parts({ row, name, lead }: { row: Row; name: string; lead: [string | null, string | null] }) {
  const [numerator, denominator] = [row[`${name}_numerator`], row[`${name}_denominator`]];
  if (typeof numerator !== "number" || typeof denominator !== "number") return null;
  return (
    <span class="of">
      <Number value={numerator} href={lead[0]} /> of <Number value={denominator} href={lead[1]} />
    </span>
  );
}

/** A count, with the way to what it counts. */
function Number({ value, href }: { value: number; href: string | null }) {
  return href && value !== 0 ? <a href={href}>{count(value)}</a> : <>{count(value)}</>;
}

function TableCell({ row, column, kind, zone }: { row: Row; column: Column; kind: Kind; zone: string }) {
  const value: Cell | undefined = row[column.name];
  const written = column.cell ? column.cell(row) : text(value, kind, zone);
  const href = column.href?.(row);
  const share = column.bar?.(row);
  const linked = href && value !== null && value !== 0 ? <a href={href}>{written}</a> : written;
  return (
    <td class={`is-${kind}`} title={kind === "rate" ? behindRate(row, column.name) : kind === "id" ? text(value, kind) : undefined}>
      {typeof share === "number" && (
        <span class="share" aria-hidden="true">
          <span style={{ width: `${Math.max(0, Math.min(1, share)) * 100}%` }} />
        </span>
      )}
      {typeof share === "number" ? <span class="beside-share">{linked}</span> : linked}
      {column.parts && <Parts row={row} name={column.name} lead={column.parts(row)} />}
    </td>
  );
}
