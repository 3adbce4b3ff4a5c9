// The units behind a number of a funnel, page by page, by the computation that counted them.

import { useEffect, useRef } from "preact/hooks";

import type { Spec } from "../api";
import { count, label } from "../format";
import { address, changed, type Route } from "../route";
import { Notes, Panel } from "./panel";
import { Table, type Column } from "./table";
import { useReport } from "./useReport";

/** Stands for all reasons why units are lost. */
export const ANY = "any";

/** Rows of a page; a download holds all. */
const ROWS = 20;

/** What a funnel counts. */
export interface Units {
  /** In the plural. */
  noun: string;
  /** The column that tells them apart. */
  id: Column;
  /** Where one of them leads. */
  open: (id: string, query: URLSearchParams) => string;
}

/**
 * The same page with the list of those that reached a step, counted from 1, or that were lost before it. In the address
 * it is `3` for the former, `3,abandoned` for those that were abandoned, `3,any` for all that were lost.
 */
export function listLink(route: Route, step: number, dropOff?: string): string {
  return address(route.path, changed(route.query, { list: dropOff ? `${step},${dropOff}` : String(step), page: null }));
}

interface Props {
  route: Route;
  funnel: Spec;
  listed: string;
  zone: string;
  units: Units;
}

export function UnitList({ route, funnel, listed, zone, units }: Props) {
  const { query } = route;
  const [step = "", dropOff] = listed.split(",");
  const after = query.get("page");
  // steps count from 0 in a spec
  const list = { step: Number(step) - 1, ...(dropOff ? { class: dropOff } : {}) };
  const whole = { ...funnel, list, limit: ROWS };
  const use = useReport("funnel", { ...whole, ...(after ? { after } : {}) });
  const noun = units.noun.charAt(0).toUpperCase() + units.noun.slice(1);
  const lost = `${noun} lost before step ${step}`;
  const title = !dropOff ? `${noun} that reached step ${step}` : dropOff === ANY ? lost : `${lost}: ${label(dropOff)}`;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.scrollIntoView({ block: "nearest" }), [listed]);
  const to = (changes: Record<string, string | null>) => address(route.path, changed(query, changes));
  return (
    <div ref={place}>
      <Panel title={title} name="funnel" spec={whole} use={use} room={ROWS * 32}>
        {(answer) => (
          <>
            <p class="faint total">
              {count(answer.rows_total ?? answer.rows.length)} {units.noun} · <a href={to({ list: null, page: null })}>close the list</a>
            </p>
            <Table
              answer={answer}
              caption="Behind the number"
              zone={zone}
              columns={[
                { ...units.id, href: (row) => units.open(String(row[units.id.name]), query) },
                { name: "entered_at", title: "Entered at" },
                { name: "reached_at", title: dropOff ? "Last step at" : "Reached at" },
                { name: "drop_off", title: "Lost as", cell: (row) => (row["drop_off"] ? label(String(row["drop_off"])) : "–") },
                { name: "level", title: "Steps done" },
              ]}
            />
            <Notes answer={{ ...answer, notes: [], rows_total: answer.rows.length }} />
            <p class="pages">
              {after && <a href={to({ page: null })}>First page</a>}
              {answer.next && <a href={to({ page: answer.next })}>Next page</a>}
            </p>
          </>
        )}
      </Panel>
    </div>
  );
}
